"""Sentences that earlier states of the book said, and that a measurement or a hard reading killed.

The ledger page lists them. To add one, put a `Deleted` at the end of `DELETED`: what the book said, word for word where
it was short; the page it stood on; and what killed it, with the number that did, and the commit where it went.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deleted:
    """A sentence that is gone, and why. The texts are Markdown, and may cite."""

    said: str
    page: str
    killed_by: str
    commit: str = ""


DELETED = (
    Deleted(
        "Vanishing gradients are not why deep plain networks fail.",
        "part1/gradient-flow",
        "Looking along training, not only before it. The first block's gradient in plain-56 is 2,810 times the last "
        "block's before the first step, 1.4 times after 20 steps, and 0.4 times at the end; in residual-56 it ends at "
        "1.4. Yet one of them ends with a loss of 2.2, little better than a guess, and the other with 0.10. A ratio at "
        "the start does not say why a training fails.",
    ),
    Deleted(
        "A trained residual net can lose any one block. Depth helps here.",
        "part1/after-training",
        "Both starts at both depths. The page had compared nets of 20 layers that start as usual with nets of 56 that "
        "start with zeros, and called the difference one of depth. With zeros the worst block costs 1.3 points at 20 "
        "layers and 0.9 at 56. With the usual start it costs 31 and 25.",
    ),
    Deleted(
        "A plain network of 56 layers still gets 85% of its own training images wrong.",
        "part1/degradation",
        "More steps, at a rate of its own. The number was one of 88 steps at a peak rate of 0.1, and the sentence gave "
        "neither. At a peak rate of 0.003 it is 2.8% (0.8 to 4.8) after 880 steps, and less than 0.1% after 2,640.",
    ),
    Deleted(
        "Plain-56 stands on a narrow ledge, at a high loss and between steep walls. Depth alone turns the bowl of "
        "plain-20 into it.",
        "part1/after-training",
        "A plain-56 that has learned. The one on the ledge had a loss of 2.18, and a guess among ten classes has 2.30: "
        "a success was compared with a failure. Half a filter's length from where 40 epochs at 0.01 end, the loss "
        "rises by 3.0 around plain-56 and by 3.4 around plain-20.",
    ),
    Deleted(
        "A shallow plain net lies in a bowl too: around plain-20 the loss rises by less than a tenth of what it rises "
        "around plain-56, in every seed.",
        "part1/after-training",
        "The same nets: around plain-20 that has learned it rises by more than around plain-56.",
    ),
    Deleted(
        "Around plain-56 the loss rises more than ten times as much as around residual-56, half a filter's length "
        "away, in every seed.",
        "part1/after-training",
        "The same again, and the zero start. Beside residual-56 with the usual start it rises 0.17 times as much (0.11 "
        "to 0.24), and only beside one with zeros more, 3.0 against 1.7.",
    ),
    Deleted(
        "With skips depth hardly sharpens the landscape: from 20 to 56 layers the rise changes by less than a tenth of "
        "what it does without skips, in every seed.",
        "part1/after-training",
        "Its rule divided by the change of a net that guesses, and so could hardly fail: it allowed 0.1 and measured "
        "0.003. And all its deep nets with skips had a zero start. With the usual start the rise goes from 6.0 at 20 "
        "layers to 18 at 56.",
    ),
    Deleted(
        "At ten times the rate it is the other way round: after 40 epochs the loss rises less around residual-56 with "
        "the usual start, in every recorded seed.",
        "part1/after-training",
        "The second seed. In the first the rise with the usual start was 0.12 times that with zeros; in the second it "
        "was nearly five times.",
    ),
    Deleted(
        "What it does not explain: plain nets without batch norm, which barely shatter and fail.",
        "part1/after-training",
        "Reading: nobody had trained one, so nobody knew that it fails.",
    ),
    Deleted(
        "With the last batch-norm weight of each block at zero, every branch of a new net is exactly zero.",
        "part1/before-training",
        "Reading: zero times anything is zero. Such a rule cannot fail.",
    ),
    Deleted(
        "With the last batch-norm weights at zero the ratio does not depend on depth: the intervals at 20, 56 and 110 "
        "layers overlap.",
        "part1/gradient-flow",
        "Reading: intervals overlap the more, the fewer the seeds. The sentence now says between which two numbers the "
        "ratio stays.",
    ),
    Deleted(
        "The last ReLU of the original block shuts 37% of the outputs.",
        "part1/residual-connections",
        "Whole nets. That is a single new block; along a new residual-56 the share falls from 37% in the first block "
        "to 15% in the last.",
    ),
    Deleted(
        "'Trains as well if one waits' is too strong as well: after ten times the steps the plain net is still behind.",
        "part1/beliefs",
        "Thirty times the steps. From each of three seeds fewer than 0.1% of the training images are then wrong.",
    ),
    Deleted(
        "A skip makes depth safe, and on an easy task no better.",
        "part1/beliefs",
        "The page before it. Without batch norm and with branches of full size, none of 18 nets with skips and 56 "
        "layers or more learned anything: 15 diverged, and 3 guessed.",
    ),
    Deleted(
        "In runs as short as ours one piece earns its place on both data sets: a learning rate that falls.",
        "part2/training",
        "A learning rate of its own for each arm, six seeds, and intervals for six questions at once. On the digits "
        "leaving the schedule out costs 2.6 points, and the interval goes from -1.6 to 6.8. The old one held zero, "
        "too: its rule asked for the estimate alone.",
    ),
    Deleted(
        "The CIFAR-10 net takes animals for animals and vehicles for vehicles more often than chance would.",
        "part2/training",
        "Reading: one run above chance. Several seeds now have to do so with more than 70% of their mistakes.",
    ),
    Deleted(
        "On the digits, a constant rate at the peak ends with a higher test error than half a cosine down to zero.",
        "part2/training",
        "The same four seeds on another processor: there the interval held zero.",
        "cdae6ed",
    ),
    Deleted(
        "... than half a cosine down to zero, on average over the seeds.",
        "part2/training",
        "What took its place compared an estimate, 2.5 points, and left out that its interval went from -1.1 to 6.1. "
        "Four seeds cannot tell.",
    ),
    Deleted(
        "On the digits, no piece but the schedule lowers the test error by more than the noise of these seeds.",
        "part2/training",
        "Reading: such a rule is easier to pass with fewer seeds, and the schedule did not pass it either.",
    ),
    Deleted(
        "The test error of pre-activation nets changes by less than 1 point per doubling of the depth.",
        "part1/depth",
        "Three seeds whose interval ended at 1.14. The limit had gone from 1 point to 2 when fewer depths were "
        "trained, back to 1, and to 2 again on another processor: a limit that follows the measurement tests nothing.",
        "0d38ad8",
    ),
    Deleted(
        "The training error of residual nets stays within 1 point from 20 to 56 layers.",
        "part1/degradation",
        "An epoch less of training: the interval went down to -1.4, and the limit became 2 points.",
        "cf6c33e",
    ),
    Deleted(
        "In 14 steps, pre-activation nets of 1,004 layers bring their loss below 0.9 of its first value; in 10, below "
        "0.95.",
        "part1/depth",
        "Nothing but the clock: steps were saved, and the limit followed, from 0.7. With twenty steps again, it is "
        "0.7 again.",
        "fd2bd94",
    ),
    Deleted(
        "Without batch norm, nets of 1,004 layers reach less than 0.9 of their first loss on the way.",
        "part1/depth",
        "The last three words: the loss did not stay where it had been. The rule took the lowest value on the way.",
        "1290ecd",
    ),
    Deleted(
        "Without batch norm, a layer costs less than half of the correlation that it costs with it.",
        "part1/before-training",
        "Ten seeds instead of six. With these it is less than a fifth, as the page said before the seeds were cut.",
        "9f666b7",
    ),
    Deleted(
        "A pre-activation net of 1,004 layers has finite gradients in each of its first six steps.",
        "part2/next",
        "The code, which takes four. The number was typed as a word, and the check for typed numbers let it pass.",
    ),
    Deleted(
        "Our network gives its logits as fast as torchvision's: no interval lies below one.",
        "part2/resnet",
        "Reading: the noisier a benchmark, the surer it passes. The intervals go down to 0.966, and the sentence now "
        "says that we lose no more than 5%.",
    ),
    Deleted(
        "For no contextual or collective type does a single column have an AUC of which one can be confident, at 99%, "
        "that it is over 0.75.",
        "part3/simulator",
        "Reading: with fewer attacks nobody can be confident of anything. Of the intervals, the highest ends at 0.79, "
        "and the sentence now gives a limit for the upper ends.",
    ),
    Deleted(
        "A test that compares the hours of attacks with those of work finds no difference.",
        "part3/simulator",
        "Reading: a test finds no difference in few data either. The sentence now says how far the two can be apart.",
    ),
    Deleted(
        "A classifier of one event has a lower average precision than one of its window: ... for each of them in the "
        "mean of the seeds.",
        "part3/simulator",
        "Its own intervals: for two of the seven types, exfiltration and scans, they hold zero.",
    ),
    Deleted(
        "Corrected: the receptive field of ResNet-50 is 483 pixels {cite:p}`araujo2019`.",
        "part2/resnet",
        "Our own count, which gives 483 for the strides of the paper. The other number, 427, is of other strides.",
    ),
    Deleted(
        "Corrected: frequencies of letters find tunnels {cite:p}`born2010`.",
        "part3/encoding",
        "The paper's abstract: it sets tunnels beside the names of legitimate domains. We set them beside names that "
        "our own simulation makes up.",
    ),
    Deleted(
        "Without batch norm and with branches of full size, no net of 56 layers or more learns in 88 steps at peak "
        "rates of 0.1 or 0.01: each diverges or errs on more than 85% of the training images.",
        "part1/depth",
        "Ten fresh seeds. At the lower rate, six of ten nets of 56 layers get to between 72% and 82%. What came next, "
        "more than 60% for each of them, fell with the third ten: one of 56 layers got to 32%, and one to 48%.",
    ),
    Deleted(
        "With a scale of one over the root of their number, 64 blocks let the mean square grow by less than e.",
        "part1/depth",
        "The third ten fresh seeds. It grows 2.4 times, and the interval goes up to 2.74, where e is 2.72.",
    ),
    Deleted(
        "With a scale that starts at zero, nets of 218 layers train without batch norm, to a training error below 30% "
        "in 88 steps, and at no depth does one diverge.",
        "part1/depth",
        "Ten fresh seeds. Eight nets end between 7% and 13%, and two at 56% and 83%, so that the interval of the mean "
        "goes up to 40%. Then ten more, of which one diverges.",
    ),
    Deleted(
        "With the original block, the loss of 1,004 layers first rises, and after 10 steps it is higher than with "
        "pre-activation.",
        "part1/depth",
        "Ten fresh seeds. It rises to ten times its first value, as it did; where it stands after ten steps, beside "
        "pre-activation, these seeds cannot tell.",
    ),
    Deleted(
        "In five epochs on the digits, each arm with a rate of its own, a constant rate ends with a higher test error "
        "than half a cosine down to zero.",
        "part2/training",
        "Ten fresh seeds. From seeds 0 to 9 the schedule was worth 3.1 points (1.4 to 4.9, in intervals for six "
        "questions at once); from seeds 100 to 109 it was 2.4, and the interval goes from -1.2 to 6.0.",
    ),
    Deleted(
        "After the last step the ratio is within a factor of fifty of one in plain-56 as in residual-56, and the loss "
        "of plain-56 is more than 1 higher.",
        "part1/gradients-in-training",
        "Ten fresh seeds: the loss is 2.0 higher in the median, but the interval goes down to 0.91. Then ten more: "
        "from two of these the ratio of plain-56 ends below a thousandth. There the gradient has vanished at last.",
    ),
    Deleted(
        "At a tenth of the learning rate, too, the first layer of plain-56 ends with relative steps less than a fifth "
        "as long as the last layer's.",
        "part1/gradients-in-training",
        "The second ten fresh seeds. The interval of the median goes up to 0.21; on the first it went to 0.13. The "
        "sentence now says half.",
    ),
    Deleted(
        "In plain-20 and residual-56, which learn, the first layer ends with relative steps more than half as long as "
        "the last layer's.",
        "part1/gradients-in-training",
        "Ten fresh seeds. The lowest end of the two intervals was 0.31. The sentence now says a tenth, the bar "
        "that plain-56 is held to.",
    ),
    Deleted(
        "Corrected: steps fitted on training and test data together leak {cite:p}`kapoor2023`.",
        "part3/encoding",
        "The paper gives a taxonomy and no size of the effect. One that measures it finds what we find "
        "{cite:p}`roth2026`.",
    ),
    Deleted(
        "Counting by the hour finds at least ten points more of the cascades than volume, and at least ten points more "
        "of the spraying.",
        "part3/bar",
        "Five fresh organizations. For one of the two types the interval of the difference begins at 9.3 points. The "
        "page now gives the recorded differences with their intervals, and holds itself to neither.",
    ),
    Deleted(
        "The network beats both the mean and the seasonal mean on 28 of 31 features, with the whole interval over "
        "organizations above zero.",
        "part4/without-labels",
        "Five fresh organizations: 22 of 31. One interval per feature over five organizations is too unsteady to be "
        "counted. In an organization it is 93% of the features in the recording and 88% (79.5 to 95.9) in the fresh "
        "ones. The sentence now says more than 80% over organizations, and was tried on ten others.",
    ),
    Deleted(
        "To take all events with a label out of the past changes the recall of neighbors by less than five "
        "points either way.",
        "part5/distance",
        "Five fresh organizations. The interval goes up to 6.7 points; in the recording it went to 2.1. "
        "The page now gives the interval and says that it is too wide to call it no difference.",
    ),
    Deleted(
        "Without the detector that is for it, more than half of the brute-force attacks, scans, tunnels, "
        "and cascades that exist are found no longer.",
        "part5/patterns",
        "Five fresh organizations. For one of the four types the interval of what is lost begins at 49%. "
        "The page shows the recorded intervals, and holds itself to none.",
    ),
    Deleted(
        "Connections of a pair alone, with three alerts per day, find at least ten points more of the "
        "exfiltrations than all detectors together with ten.",
        "part5/patterns",
        "Five fresh organizations: 12.5 points (-22.5 to 45). The page calls it an illustration.",
    ),
    Deleted(
        "Two weeks of learning without any attacks in them would find more of the episodes, and less than ten points "
        "more.",
        "part5/budget",
        "Five organizations that nobody had looked at, with fourteen detectors instead of twelve: 1.1 points "
        "(-1.3 to 3.2). The sentence now says less than five points either way.",
    ),
    Deleted(
        "An analyst who answers ten alerts per day rightly finds more of the episodes of the second and third week "
        "than one who answers none.",
        "part5/verdicts",
        "The same organizations and detectors: 3.2 points more (-0.6 to 7.3). It had held for twelve detectors, on "
        "five others.",
    ),
    Deleted(
        "Of the events that an alert lists, if it found an episode, more than two thirds belong to that episode on "
        "average.",
        "part5/why",
        "A rule that makes one alert of what has one cause: 72% (66 to 78). The sentence now says more than half.",
    ),
    Deleted(
        "One alert lists fewer than two thirds of the events of its episode on average.",
        "part5/why",
        "The same rule, by which an alert lists more of them: 72% (69 to 75). The sentence now says four fifths.",
    ),
    Deleted(
        "In more than seven of ten alerts about somebody who took part in an episode in these hours, the signal that "
        "is named first fits the type.",
        "part5/why",
        "Five fresh organizations: the interval begins at 69.8%. The sentence now says six of ten, and was tried on "
        "five others.",
    ),
)
