// Headings sort the table by their columns.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const worth = (row, column) => {
    const value = row.cells[column].dataset.v;
    return value === undefined || value === "" ? null : isNaN(value) ? value : Number(value);
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const up = before ? before === "descending" : head.dataset.first === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => {
      const one = worth(a, column), two = worth(b, column);
      if (one === null || two === null) return (one === null) - (two === null);
      const order = typeof one === "string" ? one.localeCompare(two) : one - two;
      return up ? order : -order;
    });
    body.append(...rows);
  }));
}
