// Keeps a page as it is now: listens for what changes, fetches the page again, and changes what is another in it.
"use strict";
(() => {
  const main = document.getElementById("main");
  const away = document.getElementById("away");
  const topics = new Set((main?.dataset.live ?? "").split(" ").filter(Boolean));
  let source = null;
  let busy = false;
  let again = false;

  // Change `old` into `fresh`, element by element: what is the same stays, with its focus, its scroll and what was opened.
  const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
  const swap = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== 1) { old.nodeValue = fresh.nodeValue; return; }
    if (old.dataset.keep !== undefined) return; // a script of the page has made it something else
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !(name === "open" && old.nodeName === "DETAILS")) old.setAttribute(name, value);
    }
    if (["INPUT", "TEXTAREA", "SELECT"].includes(old.nodeName)) return; // what somebody writes is theirs
    const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
    let place = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const key = keyOf(child);
      const mine = key ? keyed.get(key) : place && alike(place, child) ? place : null;
      if (mine && alike(mine, child)) {
        if (mine === place) place = place.nextSibling; else old.insertBefore(mine, place);
        swap(mine, child);
      } else {
        old.insertBefore(document.importNode(child, true), place);
      }
    }
    while (place) { const next = place.nextSibling; place.remove(); place = next; }
  };

  const say = (words) => {
    if (!away) return;
    if (away.textContent !== words) away.textContent = words;
    away.hidden = !words;
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (answer.status === 401) { say("The console was started anew: open the address that it has printed."); stop(); return; }
      if (!fresh || !answer.ok) { say("This page can't be shown just now; load it again to see why."); return; }
      say("");
      swap(main, fresh);
      const foot = page.querySelector("footer"), mine = document.querySelector("footer");
      if (foot && mine) swap(mine, foot);
      document.title = page.title;
      document.dispatchEvent(new CustomEvent("console:changed"));
      tick();
    } catch {
      say("The console doesn't answer. What is shown is from before.");
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };

  const changed = (event) => {
    const found = JSON.parse(event.data);
    const seen = JSON.parse(main.dataset.seen || "{}"); // what this page was made of
    say("");
    if (Object.keys(found).some((topic) => topics.has(topic) && seen[topic] !== found[topic])) refresh();
  };
  const stop = () => { source?.close(); source = null; };
  const start = () => {
    if (source || !topics.size || document.hidden) return;
    source = new EventSource("/events");
    source.addEventListener("changed", changed);
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) { say("The console doesn't answer. What is shown is from before."); return; }
      stop(); // it has refused: the page itself says why
      refresh();
      setTimeout(start, 5000);
    });
  };

  // Times that go on: <time data-since="ISO">.
  const words = (seconds) => {
    if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  };
  const tick = () => {
    for (const one of document.querySelectorAll("[data-since]")) {
      const text = words((Date.now() - Date.parse(one.dataset.since)) / 1000);
      if (one.textContent !== text) one.textContent = text;
    }
  };

  if (main) {
    // A tab that nobody sees doesn't listen: browsers have few connections for one address.
    document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
    addEventListener("pagehide", stop);
    addEventListener("pageshow", start);
    start();
    tick();
    setInterval(tick, 1000);
  }
})();
