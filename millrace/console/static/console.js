// What a page gets beyond its server's HTML: keys, copying, and a word when the server is silent. No page needs it.
(() => {
  "use strict";
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("tr[data-row]")];
  let before = "";
  // A form that is sent by itself wants no button; in a browser that understands none of this it keeps it.
  if (window.htmx) document.documentElement.classList.add("scripted");

  function choose(step) {
    const all = rows();
    const at = all.findIndex((row) => row.classList.contains("chosen"));
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    if (!next) return;
    all.forEach((row) => row.classList.toggle("chosen", row === next));
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key;
    if (before === "g") {
      before = "";
      const entry = [...document.querySelectorAll(".rail a")].find((link) => link.dataset.key === key);
      if (entry) entry.click();
      return;
    }
    before = key;
    if (key === "/") {
      event.preventDefault();
      document.getElementById("q")?.select();
    } else if (key === "j" || key === "k") {
      choose(key === "j" ? 1 : -1);
    } else if (key === "x") {
      document.querySelector("tr.chosen input[type=checkbox]")?.click();
    } else if (key === "Enter" && event.target === document.body) {
      document.querySelector("tr.chosen a")?.click();
    } else if (key === "?") {
      document.getElementById("help")?.showModal();
    }
  });

  function showButtons(within) {
    within.querySelectorAll("button.copy").forEach((button) => { button.hidden = false; });
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  showButtons(document);

  // Two at least can be compared.
  function countChosen() {
    const chosen = document.querySelectorAll('input[form="chosen"]:checked').length;
    document.querySelectorAll('button[form="chosen"]').forEach((button) => { button.disabled = chosen < 2; });
  }
  document.addEventListener("change", countChosen);
  countChosen();

  // A page that is followed waits while a person chooses rows in it, or has had more of them shown.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const live = event.target;
    const more = live.querySelectorAll("tr[data-row]").length > Number(live.dataset.rows ?? Infinity);
    if (live.id === "live" && (more || live.querySelector("input:checked"))) event.preventDefault();
  });

  // What a person opened stays open when it comes anew, and the row at which one is stays that one.
  let open = [];
  let chosen = "";
  document.addEventListener("htmx:beforeSwap", () => {
    chosen = document.querySelector("tr.chosen a")?.getAttribute("href") ?? "";
    open = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    const again = chosen && rows().find((row) => row.querySelector("a")?.getAttribute("href") === chosen);
    if (again) again.classList.add("chosen");
    showButtons(document);
    countChosen();
  });

  // A picture that is looked into: what is seen of it is its viewBox. The wheel is the page's until one clicks into it.
  function zoomable(picture) {
    const svg = picture.querySelector("svg");
    const whole = svg.viewBox.baseVal;
    const all = [whole.x, whole.y, whole.width, whole.height];
    let seen = [...all];
    const show = () => svg.setAttribute("viewBox", seen.map((one) => one.toFixed(1)).join(" "));
    function zoom(by, across = 0.5, down = 0.5) {
      const width = Math.min(Math.max(seen[2] / by, all[2] / 20), all[2]);
      const height = width * all[3] / all[2];
      seen = width === all[2] ? [...all]
        : [seen[0] + (seen[2] - width) * across, seen[1] + (seen[3] - height) * down, width, height];
      show();
    }
    function move(right, down) {
      seen = [seen[0] + right * seen[2], seen[1] + down * seen[3], seen[2], seen[3]];
      show();
    }
    const bar = picture.querySelector(".zoom");
    bar.hidden = false;
    bar.addEventListener("click", (event) => {
      const by = event.target.dataset.by;
      if (by !== undefined) zoom(Number(by) || 1e-9);
    });
    picture.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") zoom(1.25);
      else if (event.key === "-") zoom(0.8);
      else if (event.key === "0") zoom(1e-9);
      else if (event.key in steps) move(...steps[event.key]);
      else return;
      event.preventDefault();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !picture.contains(document.activeElement)) return;
      event.preventDefault();
      const place = svg.getBoundingClientRect();
      const at = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, ...at);
    }, { passive: false });
    let held = null;
    svg.addEventListener("pointerdown", (event) => { if (!event.target.closest("a")) held = [event.clientX, event.clientY]; });
    svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      const place = svg.getBoundingClientRect();
      move((held[0] - event.clientX) / place.width, (held[1] - event.clientY) / place.height);
      held = [event.clientX, event.clientY];
    });
    ["pointerup", "pointerleave"].forEach((name) => svg.addEventListener(name, () => { held = null; }));
  }
  document.querySelectorAll("[data-zoom]").forEach(zoomable);

  const stale = document.getElementById("stale");
  document.addEventListener("htmx:sendError", () => { stale.hidden = false; });
  document.addEventListener("htmx:afterOnLoad", () => { stale.hidden = true; });
})();
