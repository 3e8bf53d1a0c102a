// Draw the page's Mermaid diagrams in the theme's colors, and again when the reader switches the theme.
(() => {
  const sources = new Map();
  let drawn = "";

  const colors = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const text = of("--pst-color-text-base");
    const ground = of("--pst-color-background");
    const surface = of("--pst-color-surface");
    return {
      background: ground, primaryColor: surface, primaryTextColor: text, primaryBorderColor: of("--pst-color-border"),
      lineColor: text, textColor: text, edgeLabelBackground: ground, tertiaryColor: surface, tertiaryTextColor: text,
      fontFamily: of("--pst-font-family-base"),
    };
  };

  const draw = async () => {
    const themeVariables = colors();
    if (drawn === JSON.stringify(themeVariables)) return;
    drawn = JSON.stringify(themeVariables);
    mermaid.initialize({ startOnLoad: false, theme: "base", themeVariables, htmlLabels: false, flowchart: { useMaxWidth: true } });
    for (const diagram of document.querySelectorAll("pre.mermaid")) {
      if (!sources.has(diagram)) sources.set(diagram, diagram.textContent);
      diagram.removeAttribute("data-processed");
      diagram.textContent = sources.get(diagram);
    }
    await mermaid.run({ querySelector: "pre.mermaid" });
    // Text stays readable on a phone: a wide diagram shrinks a little, then it scrolls in its box, by keys too.
    for (const diagram of document.querySelectorAll("pre.mermaid")) {
      const svg = diagram.querySelector("svg");
      svg.style.minWidth = `${0.7 * parseFloat(svg.style.maxWidth)}px`;
      if (diagram.scrollWidth > diagram.clientWidth) diagram.tabIndex = 0;
    }
  };

  // One drawing at a time: a theme that is switched quickly must not leave a diagram half drawn.
  let last = Promise.resolve();
  const redraw = () => { last = last.then(draw); };
  document.addEventListener("DOMContentLoaded", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
