// What a page gets beyond its server's HTML: keys, copying, and a word when the server is silent. No page needs it.
(() => {
  "use strict";
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("tr[data-row]")];
  let before = "";

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
  });

  const stale = document.getElementById("stale");
  document.addEventListener("htmx:sendError", () => { stale.hidden = false; });
  document.addEventListener("htmx:afterOnLoad", () => { stale.hidden = true; });
})();
