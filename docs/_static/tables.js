// Tables with sentences in three columns or more are stacked in a narrow window: see manual.css.
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.docutils")) {
    const names = [...table.querySelectorAll("thead th")].map((th) => th.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    const wordy = cells.some((td) => td.cellIndex > 0 && td.textContent.trim().length > 30);
    if (names.length < 3 || !wordy) continue;
    table.classList.add("stacked");
    for (const td of cells) {
      td.dataset.column = names[td.cellIndex] || "";
      td.classList.toggle("blank", !td.textContent.trim());
    }
  }
});
