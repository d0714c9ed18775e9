(() => {
  const tip = document.getElementById("tip");
  const show = (event, fill) => {
    tip.hidden = false;
    tip.replaceChildren();
    fill(tip);
    const box = tip.getBoundingClientRect();
    const right = event.clientX + 16 + box.width < innerWidth;
    tip.style.left = Math.max(4, right ? event.clientX + 16 : event.clientX - box.width - 16) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 4)) + "px";
  };
  const line = (name, value) => {
    const row = document.createElement("div");
    for (const text of [name, value]) {
      const cell = document.createElement("span");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  };
  const number = (value, unit) => unit === "Percent"
    ? (value * 100).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) + "%"
    : value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const date = (ms) => {
    const text = new Date(ms).toISOString();
    return ms % 86400000 === 0 ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ") + " UTC";
  };
  const nearest = (times, at) => {
    let low = 0, high = times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= at) low = middle; else high = middle;
    }
    return at - times[low] < times[high] - at ? low : high;
  };
  for (const group of document.querySelectorAll(".charts")) {
    const plots = [...group.querySelectorAll(".plot")].map((plot) => ({
      plot, unit: plot.dataset.unit, cursor: plot.querySelector(".cursor"),
      lines: JSON.parse(plot.querySelector("script").textContent).filter((l) => l.t.length > 0),
    }));
    const all = plots.flatMap((p) => p.lines);
    if (all.length === 0) continue;
    const first = Math.min(...all.map((l) => l.t[0]));
    const last = Math.max(...all.map((l) => l.t[l.t.length - 1]));
    const hide = () => {
      tip.hidden = true;
      for (const p of plots) p.cursor.hidden = true;
    };
    for (const { plot } of plots) {
      plot.addEventListener("pointermove", (event) => {
        const box = plot.getBoundingClientRect();
        const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
        const lead = plots[0].lines[0].t;
        const at = lead[nearest(lead, first + share * (last - first))];
        const left = (at - first) / (last - first) * 100 + "%";
        for (const p of plots) {
          p.cursor.hidden = false;
          p.cursor.style.left = left;
        }
        show(event, (box) => {
          const head = document.createElement("b");
          head.textContent = date(at);
          box.append(head);
          for (const p of plots) for (const l of p.lines) {
            box.append(line(l.name, number(l.v[nearest(l.t, at)], p.unit)));
          }
        });
      });
      plot.addEventListener("pointerleave", hide);
    }
  }
  document.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("[data-tip]");
    if (cell) show(event, (box) => box.append(cell.dataset.tip));
    else if (!event.target.closest(".plot")) tip.hidden = true;
  });
})();
