// Reads the page again when the server says that something is new, and gives keys to what links do. Without it, all
// pages work.
"use strict";
(() => {
  const root = document.body.dataset.root;
  let source = null, stopped = false, busy = false, last = 0;

  async function again() {
    const main = document.getElementById("main");
    if (busy || document.hidden || main.contains(document.activeElement) && document.activeElement.matches("input")) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-again": "1" }, credentials: "same-origin" });
      if (answer.status === 401) { location.reload(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      const active = document.activeElement && main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      const open = [...main.querySelectorAll("details")].map((one) => one.open);
      const scrolls = [...main.querySelectorAll(".wide, .log")].map((one) => [one.scrollLeft, one.scrollTop]);
      if (fresh && answer.ok) {
        main.replaceChildren(...fresh.childNodes);
        main.querySelectorAll("details").forEach((one, at) => { if (at in open) one.open = open[at]; });
        main.querySelectorAll(".wide, .log").forEach((one, at) => { if (at in scrolls) [one.scrollLeft, one.scrollTop] = scrolls[at]; });
        if (active) [...main.querySelectorAll("a")].find((one) => one.getAttribute("href") === active)?.focus();
        if (!("live" in page.body.dataset)) stop();
        const seen = page.querySelector("footer time"), here = document.querySelector("footer time");
        if (seen && here) here.replaceWith(seen);
      }
    } catch { lost("the server does not answer"); } finally { busy = false; last = Date.now(); }
  }

  function lost(why) {
    let word = document.getElementById("lost");
    if (!word) {
      word = document.createElement("p");
      word.id = "lost"; word.className = "away"; word.setAttribute("role", "alert");
      document.getElementById("main").prepend(word);
    }
    word.textContent = why;
  }

  function start() {
    if (source || stopped || document.hidden || !("live" in document.body.dataset)) return;
    source = new EventSource(root + "/live");
    source.onmessage = () => { document.getElementById("lost")?.remove(); if (Date.now() - last > 1500) again(); };
    source.onerror = () => lost("No connection to jobctl web: what is shown is old.");
  }

  function stop() { source?.close(); source = null; }

  document.addEventListener("visibilitychange", () => document.hidden ? stop() : start());
  addEventListener("pagehide", stop);
  const button = document.getElementById("pause");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      stopped = !stopped;
      button.textContent = stopped ? "Go on with updates" : "Pause updates";
      stopped ? stop() : start();
    });
  }

  // g and a letter: pages; / the filter; j and k: rows.
  const rooms = { o: "", q: "queues", j: "jobs", e: "groups", s: "schedules", l: "limits", w: "workers", a: "audit" };
  let went = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
    if (Date.now() - went < 1200 && event.key in rooms) { location.href = root + "/" + rooms[event.key]; return; }
    went = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") {
      event.preventDefault();
      const filter = document.getElementById("filter");
      filter ? filter.focus() : (location.href = root + "/jobs");
    } else if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll("tbody td:first-child a, tbody td:nth-child(4) a[href*='/jobs/']")];
      const at = links.indexOf(document.activeElement);
      links[event.key === "j" ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0)]?.focus();
    }
  });
  start();
})();
