// In a narrow window tables with sentences are stacked, and code breaks at its spaces, not at its
// hyphens; very long words may break. See manual.css.
const keepWordsWhole = (text) => {
  const parts = text.nodeValue.split(/(\S*-\S+)/).map((part) => {
    if (!part.includes("-") || part.length > 40) return part;
    const word = document.createElement("span");
    word.className = "word";
    word.textContent = part;
    return word;
  });
  text.replaceWith(...parts);
};

addEventListener("DOMContentLoaded", () => {
  for (const block of document.querySelectorAll("article pre")) {
    const texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const all = [];
    while (texts.nextNode()) all.push(texts.currentNode);
    all.filter((text) => text.nodeValue.includes("-")).forEach(keepWordsWhole);
  }
  for (const word of document.querySelectorAll("code.literal .pre")) {
    word.classList.toggle("long", word.textContent.length > 34);
  }
  for (const table of document.querySelectorAll("table.docutils")) {
    const names = [...table.querySelectorAll("thead th")].map((th) => th.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    if (!cells.some((td) => td.textContent.trim().length > 30)) continue;
    table.classList.add("stacked");
    table.classList.toggle("labelled", names.length > 2);
    for (const td of cells) {
      td.dataset.column = names[td.cellIndex] || "";
      td.classList.toggle("blank", !td.textContent.trim());
    }
  }
});
