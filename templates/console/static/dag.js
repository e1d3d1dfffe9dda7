// The drawing of a run's steps: zoom and move it; a step's panel beside it; its log as it comes.
"use strict";
(() => {
  // --- zoom: the drawing's own view box, which is kept when the page changes below it.
  const views = new Map(); // by the place of the drawing on the page

  const setUp = (svg, index) => {
    const graph = svg.closest(".graph"), stage = svg.closest(".stage");
    if (!graph || !stage || svg.dataset.whole) return;
    const whole = svg.getAttribute("viewBox"), [, , width, height] = whole.split(" ").map(Number);
    svg.dataset.whole = whole;
    graph.dataset.graph = index;
    stage.setAttribute("aria-label", `${stage.getAttribute("aria-label")}: arrow keys move it, + and - zoom, 0 shows all of it`);
    if (!listening.has(graph)) { listening.add(graph); listen(graph, stage); }
    const fitting = height * Math.min(1, (stage.clientWidth || width) / width);
    stage.style.height = `${Math.round(Math.min(Math.max(fitting, 150), innerHeight * 0.7))}px`;
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    const seen = views.get(index);
    if (seen && seen.whole === whole) show(svg, seen.box); else begin(svg);
  };
  const listening = new WeakSet();

  const parts = (svg) => svg.dataset.whole.split(" ").map(Number);
  const show = (svg, box) => {
    svg.setAttribute("viewBox", box.map((one) => Math.round(one * 10) / 10).join(" "));
    const graph = svg.closest(".graph");
    if (graph) views.set(graph.dataset.graph, { whole: svg.dataset.whole, box });
  };
  const boxOf = (svg) => svg.getAttribute("viewBox").split(" ").map(Number);
  const fit = (svg) => show(svg, parts(svg));
  // At first all of it, unless its words were too small to be read then.
  const begin = (svg) => { fit(svg); if (svg.closest(".stage").clientWidth < parts(svg)[2] * 0.55) asDrawn(svg); };
  // So much of the drawing that a step's words can be read; from its beginning.
  const asDrawn = (svg) => {
    const stage = svg.closest(".stage"), [x, y, width, height] = parts(svg);
    show(svg, [x, y + Math.max(0, (height - stage.clientHeight) / 2), stage.clientWidth, Math.min(stage.clientHeight, Math.max(height, 1))]);
  };
  const zoom = (svg, factor, at) => {
    const [x, y, width, height] = boxOf(svg), whole = parts(svg);
    const wide = Math.min(Math.max(width * factor, 120), Math.max(whole[2] * 1.5, 400));
    const ratio = wide / width, [fx, fy] = at ?? [0.5, 0.5];
    show(svg, [x + width * fx * (1 - ratio), y + height * fy * (1 - ratio), wide, height * ratio]);
  };
  const move = (svg, dx, dy) => {
    const [x, y, width, height] = boxOf(svg), whole = parts(svg);
    const within = (value, least, most) => Math.min(Math.max(value, Math.min(least, most)), Math.max(least, most));
    show(svg, [within(x + dx, whole[0] - width / 2, whole[0] + whole[2] - width / 2), within(y + dy, whole[1] - height / 2, whole[1] + whole[3] - height / 2), width, height]);
  };

  const listen = (graph, stage) => {
    const svg = () => stage.querySelector("svg.dag");
    const acts = { in: () => zoom(svg(), 1 / 1.4), out: () => zoom(svg(), 1.4), one: () => asDrawn(svg()), all: () => fit(svg()) };
    graph.querySelector(".zoom").addEventListener("click", (event) => acts[event.target.dataset?.act]?.());
    stage.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const [, , width, height] = boxOf(svg());
      const keys = {
        "+": acts.in, "=": acts.in, "-": acts.out, 0: acts.all, 1: acts.one,
        ArrowLeft: () => move(svg(), -width / 8, 0), ArrowRight: () => move(svg(), width / 8, 0),
        ArrowUp: () => move(svg(), 0, -height / 8), ArrowDown: () => move(svg(), 0, height / 8),
      };
      if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
    });
    // A wheel alone scrolls the page, as everywhere; with Ctrl it zooms, as a pinch on a touchpad does.
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const place = stage.getBoundingClientRect();
      zoom(svg(), event.deltaY > 0 ? 1.15 : 1 / 1.15, [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height]);
    }, { passive: false });
    let held = null, moved = false;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held = [event.clientX, event.clientY];
      moved = false;
    });
    addEventListener("pointermove", (event) => {
      if (!held) return;
      const [, , width, height] = boxOf(svg());
      const scale = Math.max(width / stage.clientWidth, height / stage.clientHeight);
      const dx = held[0] - event.clientX, dy = held[1] - event.clientY;
      if (!moved && Math.hypot(dx, dy) < 5) return;
      moved = true;
      stage.classList.add("held");
      move(svg(), dx * scale, dy * scale);
      held = [event.clientX, event.clientY];
    });
    addEventListener("pointerup", () => { held = null; stage.classList.remove("held"); });
    addEventListener("pointercancel", () => { held = null; stage.classList.remove("held"); });
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("click", (event) => { if (moved) { event.preventDefault(); event.stopPropagation(); moved = false; } }, true);
    // A step that gets the focus by Tab is moved to where it is seen.
    stage.addEventListener("focusin", (event) => {
      const drawn = event.target.closest?.("a")?.querySelector("rect");
      if (!drawn) return;
      stage.scrollTop = stage.scrollLeft = 0;
      const [x, y, width, height] = boxOf(svg());
      const [left, top, wide, high] = ["x", "y", "width", "height"].map((name) => Number(drawn.getAttribute(name)));
      if (left < x || top < y || left + wide > x + width || top + high > y + height) show(svg(), [left + wide / 2 - width / 2, top + high / 2 - height / 2, width, height]);
    });
  };

  // --- a step's panel, beside the run: the address has it, so that it stands after a reload, and when the page changes.
  const main = document.getElementById("main");
  const run = main?.querySelector("[data-run]")?.dataset.run ?? "";
  let opener = null;
  const addressOf = (step) => { const to = new URL(run, location.href); if (step) to.searchParams.set("step", step); return to.href; };
  const openPanel = async (step, push = true) => {
    const answer = await fetch(addressOf(step), { headers: { Accept: "text/html" }, credentials: "same-origin" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("panel");
    if (!answer.ok || !fresh) { location.href = addressOf(step); return; }
    document.getElementById("panel")?.remove();
    main.append(document.importNode(fresh, true));
    if (push) history.pushState({ step }, "", addressOf(step));
    follow();
    document.querySelector("#panel #step-name")?.focus({ preventScroll: true });
  };
  const closePanel = (push = true) => {
    document.getElementById("panel")?.remove();
    follow();
    if (push) history.pushState({}, "", addressOf(""));
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    opener = null;
  };
  if (run) {
    document.addEventListener("click", (event) => {
      if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      const link = event.target.closest?.("a");
      if (!link) return;
      if (link.dataset.close !== undefined) { event.preventDefault(); closePanel(); return; }
      if (!link.dataset.step) return;
      event.preventDefault();
      opener ??= link.closest("#panel") ? null : link;
      openPanel(link.dataset.step);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && document.getElementById("panel")) { closePanel(); event.preventDefault(); }
    });
    addEventListener("popstate", () => {
      const step = new URL(location.href).searchParams.get("step");
      if (step) openPanel(step, false); else closePanel(false);
    });
  }

  // --- a log as it comes. What is shown stays bounded, however much there is.
  const MOST = 400_000; // characters
  let source = null, followed = null;
  const follow = () => {
    const log = document.querySelector("pre[data-log]");
    if (log === followed) return;
    source?.close();
    source = null;
    followed = log;
    if (!log) return;
    let mark = log.dataset.from, atEnd = true;
    const state = log.parentElement.querySelector("[data-log-state]");
    const say = (words) => { if (state && state.textContent !== words) state.textContent = words; };
    log.addEventListener("scroll", () => { atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40; });
    log.scrollTop = log.scrollHeight;
    // What comes is shown some times a second: drawing all of it for each piece would leave no time for anything else.
    let come = "", due = 0;
    const cut = (text) => (text.length > MOST ? text.slice(text.indexOf("\n", text.length - MOST) + 1) : text);
    const draw = () => {
      due = 0;
      log.textContent = cut(log.textContent + come);
      come = "";
      if (atEnd) log.scrollTop = log.scrollHeight;
    };
    const add = (text) => { come = cut(come + text); due ||= setTimeout(draw, 150); };
    const tell = (words) => { clearTimeout(due); draw(); say(words); }; // all that came is there when it is said
    const open = () => {
      const address = new URL(log.dataset.log, location.href);
      address.searchParams.set("from", mark);
      source = new EventSource(address.href);
      source.onopen = () => say("It comes as it is written.");
      source.onmessage = (event) => { mark = event.lastEventId || mark; add(`${event.data}\n`); };
      source.addEventListener("anew", () => { log.textContent = come = ""; say("The step is tried again: this is the new log."); });
      source.addEventListener("gap", () => add("… it grows faster than it is shown: what is between is left out\n"));
      source.addEventListener("busy", () => { source.close(); tell("Very many logs are followed already; load the page again to see more."); });
      source.addEventListener("away", (event) => { source.close(); tell(`It can't be read just now: ${event.data}`); });
      source.addEventListener("end", (event) => { source.close(); tell(`The step has ended: ${event.data}.`); });
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) source.close(); // it would begin where it began: begin where it is
        say("The console doesn't answer: what is shown is from before.");
        if (followed === log && log.isConnected) setTimeout(() => { if (followed === log) open(); }, 2000);
      };
    };
    say("It comes as it is written.");
    open();
  };
  addEventListener("pagehide", () => source?.close());

  document.documentElement.classList.add("scripted");
  const all = () => {
    document.querySelectorAll("svg.dag").forEach((svg, index) => setUp(svg, String(index)));
    follow();
  };
  document.addEventListener("console:changed", () => {
    // The page that came may be of before the panel was opened, or closed.
    const step = run ? new URL(location.href).searchParams.get("step") : null, panel = document.getElementById("panel");
    if (step && !panel) openPanel(step, false);
    if (run && !step && panel) panel.remove();
    all();
  });
  all();
})();
