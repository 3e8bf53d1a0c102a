"""What `book/part3/encoding.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.stats import skew

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, scoped
from residual_book.part3.encoding import experiment
from residual_book.part3.encoding.encodings import beside_formula, entropy_auc
from residual_book.part3.encoding.experiment import Measured
from residual_book.part3.encoding.leakage import ARMS
from residual_book.stats import mean_interval, mean_over


def on_encodings(organizations: Sequence[Measured]) -> None:
    """Of the encodings, over the organizations that were measured."""
    sent, coded = organizations[0].sizes["bytes sent"]
    offices = [office.circle - office.line for measured in organizations for office in measured.offices.values()]
    apart = mean_over(organizations, lambda measured: measured.night.circle - measured.night.line)
    ratio = mean_over(organizations, lambda measured: beside_formula(measured.collisions))
    calmer = mean_over(organizations, lambda m: min(abs(skew(raw)) - abs(skew(own)) for raw, own in m.sizes.values()))
    unknown = mean_over(organizations, lambda measured: measured.vocabularies["query.hostname"].unknown[-1])
    known = [m.vocabularies[code].unknown[-1] == 0 for m in organizations for code in ("user.name", "api.operation")]
    words = mean_over(organizations, lambda measured: entropy_auc(measured.looks, "other names", "names of hosts"))
    tunnels = mean_over(organizations, lambda m: entropy_auc(m.looks, "tunnel", "other names", "antivirus (the twin)"))
    guessing, scanning = mean_over(organizations, lambda m: m.guessing), mean_over(organizations, lambda m: m.scanning)
    scaling, vocabulary, context = (mean_interval([measured.gain(arm) for measured in organizations]) for arm in ARMS)
    rises = [[auc.first_whole - auc.first_past for auc in measured.foresight.values()] for measured in organizations]
    rise = mean_interval(np.mean(rises, axis=1))
    brute_force = [measured.foresight["brute_force"] for measured in organizations]
    glue_all(
        night_line=float(np.mean([measured.night.line for measured in organizations])),
        night_circle=float(np.mean([measured.night.circle for measured in organizations])),
        office_least=min(offices), office_most=max(offices),
        crowded=float((np.quantile(sent, 0.99) - sent.min()) / np.ptp(sent)), skew_before=float(skew(sent)), skew_after=float(skew(coded)), words=words, tunnels=tunnels,
        rise=rise,
        foreseen=float(np.mean([auc.first_whole for auc in brute_force])), not_foreseen=float(np.mean([auc.first_past for auc in brute_force])),
        guessing=guessing, scanning=scanning, gain_vocabulary=vocabulary, gain_scaling=scaling, gain_context=context,
        scaling_low=scaling.low, scaling_high=scaling.high, context_low=context.low, context_high=context.high,
    )  # fmt: skip
    check = partial(claims.check, seeds=[measured.seed for measured in organizations])
    check(
        "encoding-circle", holds=apart.low > 0, value=apart, unit="of AUC more",
        statement="A linear model tells sign-ins at night from those by day better from the hour on a circle than from the hour as one number.",
        verdict=extended("mardia2000", "chapter 2, summary statistics", "shows that figures of angles as plain numbers depend on where the circle is cut"),
    )  # fmt: skip
    check(
        "encoding-collisions", holds=ratio.low > 0.97 and ratio.high < 1.03, value=ratio, unit="times as many as the formula says",
        statement="Over columns of real values, as many share their bucket as the birthday formula says, within 3%.",
        verdict=extended("weinberger2009", "section 2", "takes hashes for independent and uniform"),
    )  # fmt: skip
    check(
        "encoding-skew", holds=calmer.low > 2, value=calmer, unit="less skewness, in the column that improves least",
        statement="Every column of bytes and durations is less skewed after encoding, the least improved one by at least 2.",
        verdict=extended("box1964", "section 3", "transforms by a power or the logarithm so that errors come near the normal distribution"),
    )  # fmt: skip
    check(
        "encoding-unknown", holds=unknown.low > 0.5 and all(known), value=unknown, unit="of the names looked up",
        statement="Of the names looked up on the last three days, more than half are not in the vocabulary of the seven days before; of users and cloud operations none is unknown.",
        verdict=confirmed("weinberger2009", "section 1", "hashes because a dictionary of all words is never complete"),
    )  # fmt: skip
    check(
        "encoding-entropy-words", holds=words.low > 0.9, value=words, unit="AUC",
        statement="The entropy of a name's bytes tells names made by machines from names of hosts, with an AUC above 0.9.",
        verdict=extended("born2010", "abstract", "letters of domain names are as unevenly frequent as those of a language, and those of tunnels more even"),
    )  # fmt: skip
    check(
        "encoding-entropy-tunnels", holds=tunnels.high < 0.7, value=tunnels, unit="AUC",
        statement="Among the other names that machines make in our simulation, entropy does not single out those of tunnels: the AUC is below 0.7.",
        verdict=scoped("born2010", "abstract", "tunnels stand out by the frequencies of their letters, beside names of legitimate domains"),
    )  # fmt: skip
    check(
        "encoding-history", holds=guessing.low > 0.75, value=guessing, unit="AUC",
        statement="The number of sign-ins in the hour before tells events of an attack on a password from those of its benign twin, with an AUC above 0.75.",
        verdict=extended("chandola2009", "section 2.2.3", "calls events collective anomalies that are anomalous together and not alone"),
    )  # fmt: skip
    check(
        "encoding-foresight", holds=rise.low > 0, value=rise, unit="of AUC more",
        statement="Counted over the whole table, the first events of attacks are found with a higher AUC than from the past alone, in the mean over six types.",
        verdict=extended("kaufman2012", "section 3", "calls information leakage that is not there yet when the prediction is made"),
    )  # fmt: skip
    check(
        "encoding-leak-context", holds=context.low > 0, value=context, unit="of AUC more",
        statement="Context counted over the whole table, future and past, raises the AUC of the same detector on paper.",
        verdict=extended("kaufman2012", "section 3", "calls information leakage that is not there yet when the prediction is made"),
    )  # fmt: skip
    check(
        "encoding-leak-vocabulary", holds=vocabulary.low > -0.01 and vocabulary.high < 0.01, value=vocabulary, unit="AUC",
        statement="A vocabulary and frequencies from the future change the AUC of the same detector by less than 0.01 either way.",
        verdict=confirmed("roth2026", "abstract", "fitting scalers and encoders on all the data changes the AUC by no more than 0.005, over two thousand data sets"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_encodings(experiment.measure(seeds))
