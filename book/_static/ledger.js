// The filter above the ledger. Without it all claims are there, folded by page.
{
  const form = document.querySelector("form.ledger-filter");
  const claims = [...document.querySelectorAll("details.claim-entry")];
  const pages = [...document.querySelectorAll("details.claims-of-page")];

  const narrow = () => {
    const asked = [...new FormData(form)].filter(([, value]) => value);
    for (const claim of claims) claim.hidden = !asked.every(([name, value]) => claim.dataset[name] === value);
    for (const page of pages) {
      page.hidden = !page.querySelector("details.claim-entry:not([hidden])");
      page.open = asked.length > 0 && !page.hidden;
    }
    const left = claims.filter((claim) => !claim.hidden).length;
    form.querySelector("output").textContent = asked.length ? `${left} of ${claims.length} claims` : "";
  };

  // A link to one claim opens it and the page that it is under.
  const unfold = () => {
    const claim = document.getElementById(location.hash.slice(1));
    if (!claim?.matches("details.claim-entry")) return;
    claim.open = claim.closest("details.claims-of-page").open = true;
    claim.scrollIntoView();
  };

  form.hidden = false;
  form.addEventListener("change", narrow);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", unfold);
  unfold();
}
