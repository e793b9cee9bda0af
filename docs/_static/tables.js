// Tables with sentences are stacked in a narrow window, and very long words of code may break there:
// see manual.css.
addEventListener("DOMContentLoaded", () => {
  for (const word of document.querySelectorAll("code.literal .pre")) {
    word.classList.toggle("long", word.textContent.length > 38);
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
