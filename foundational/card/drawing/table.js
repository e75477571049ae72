"use strict";
(() => {
  const number = (text) => Number(text.replaceAll(",", ""));
  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const upwards = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
        const key = (row) => row.cells[column].textContent;
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [number(key(a)), number(key(b))];
          const order = Number.isNaN(x) || Number.isNaN(y) ? key(a).localeCompare(key(b)) : x - y;
          return upwards ? order : -order;
        });
        body.append(...rows);
      });
    });
  }
  const input = document.querySelector("input[data-filter]");
  if (!input) return;
  for (const element of [input, ...input.labels]) element.hidden = false;
  const rows = [...document.getElementById(input.dataset.filter).querySelector("tbody").rows];
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("filter-status").textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
})();
