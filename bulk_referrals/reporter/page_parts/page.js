"use strict";
(() => {
  const table = document.getElementById("lines");
  if (!table) return;
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const outcome = document.getElementById("outcome");
  const code = document.getElementById("code");
  const shown = document.getElementById("shown");
  const rows = Array.from(body.rows, (row) => ({
    row,
    text: row.textContent.toLowerCase(),
    outcome: row.dataset.outcome,
    code: row.dataset.code,
  }));

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const it of rows) {
      const keep =
        (!outcome.value || it.outcome === outcome.value) &&
        (!code.value || it.code === code.value) &&
        wanted.every((word) => it.text.includes(word));
      it.row.hidden = !keep;
      if (keep) count += 1;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };

  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const sort = (heading, place) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((it) => [it.row.cells[place].textContent.trim(), it]);
    keyed.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]));
    body.append(...keyed.map(([, it]) => it.row));
  };

  for (const [place, heading] of Array.from(table.tHead.rows[0].cells).entries()) {
    heading.querySelector("button").addEventListener("click", () => sort(heading, place));
  }
  for (const field of [search, outcome, code]) field.addEventListener("input", filter);
  document.documentElement.classList.remove("no-script");
  filter();
})();
