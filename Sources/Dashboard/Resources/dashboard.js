// Keeps a page current: it fetches the page again when an event arrives, and every few seconds, and replaces the parts that differ.
// Without it, every page still shows all that there is. Bounded: one request at a time, none while the page is hidden.
"use strict";
(() => {
  const fresh = document.getElementById("fresh");
  const words = document.getElementById("fresh-text");
  document.addEventListener("keydown", (event) => {
    const field = document.getElementById("q");
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (field && event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    }
  });
  // What was pressed is said once, and not again when the page is loaded again.
  if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname);
  if (!fresh) return;

  const every = Math.max(2, Number(fresh.dataset.every) || 10) * 1000;
  const requestLimit = 10000;
  const longestWait = 60000;
  const settle = 150;
  let lastAt = Date.now();
  let isAsking = false;
  let isWanted = false;
  let failures = 0;
  let timer = 0;
  let stream = null;
  let isOver = false;
  let said = "";

  function say(state, text) {
    fresh.className = "fresh " + state;
    if (said === text) return;
    said = text;
    words.textContent = text;
  }

  function age() { return Math.round((Date.now() - lastAt) / 1000); }

  function tell() {
    if (isOver) return;
    if (failures > 0 || age() * 1000 > every + requestLimit + 5000) {
      say("old", "Not current: last answer " + age() + " s ago, trying again");
    } else {
      say("live", stream && stream.readyState === 1 ? "Live" : "Refreshed every " + every / 1000 + " s");
    }
  }

  // Focus and opened details stay where people left them.
  function replace(old, part) {
    const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.id));
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && (focused.id ? "#" + CSS.escape(focused.id)
      : focused.getAttribute("href") ? "[href=\"" + CSS.escape(focused.getAttribute("href")) + "\"]" : null);
    for (const one of part.querySelectorAll("details[id]")) one.open = open.has(one.id);
    old.replaceWith(part);
    if (place) part.querySelector(place)?.focus();
  }

  function difference(element) {
    const copy = element.cloneNode(true);
    for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
    return copy.outerHTML;
  }

  function apply(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    if (!page.getElementById("fresh")) { location.reload(); return; }
    document.title = page.title;
    for (const part of page.querySelectorAll("[data-part]")) {
      const old = document.querySelector("[data-part=\"" + CSS.escape(part.dataset.part) + "\"]");
      if (old && difference(old) !== difference(part)) replace(old, document.importNode(part, true));
    }
  }

  async function refresh() {
    if (isOver) return;
    if (isAsking) { isWanted = true; return; }
    isAsking = true;
    isWanted = false;
    clearTimeout(timer);
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), requestLimit);
    try {
      const answer = await fetch(location.href, {
        headers: { accept: "text/html" }, redirect: "manual", cache: "no-store", signal: stop.signal,
      });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        isOver = true;
        stream?.close();
        say("old", "Your session has ended: load the page again to sign in");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      apply(await answer.text());
      lastAt = Date.now();
      failures = 0;
    } catch {
      failures += 1;
    } finally {
      clearTimeout(limit);
      isAsking = false;
      tell();
      const wait = failures ? Math.min(longestWait, every * 2 ** Math.min(failures, 5)) : isWanted ? settle : every;
      if (!isOver && !document.hidden) timer = setTimeout(refresh, failures ? Math.min(wait, 15000) : wait);
    }
  }

  // One connection for each visible page: a browser has only a few for each server.
  function listen() {
    if (stream || document.hidden || isOver) return;
    stream = new EventSource(fresh.dataset.events);
    const news = () => { clearTimeout(timer); timer = setTimeout(refresh, settle); };
    for (const kind of ["deployed", "rolloutStarted", "stepStarted", "gatePassed", "gateFailed", "gateWarned", "paused", "resumed",
      "approved", "promoting", "promoted", "probationStarted", "probationEnded", "rollingBack", "rolledBack", "aborted", "quarantined",
      "superseded", "retried", "suspended", "unsuspended", "stuck", "recovered", "failed", "removed", "warning", "degraded", "available",
      "instanceEjected", "instanceReturned"]) stream.addEventListener(kind, news);
    stream.onopen = tell;
    stream.onerror = () => {
      tell();
      if (stream.readyState === 2) { stream = null; setTimeout(listen, every * 3); }
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      stream?.close();
      stream = null;
    } else {
      refresh();
      listen();
    }
  });
  setInterval(tell, 1000);
  timer = setTimeout(refresh, every);
  listen();
  tell();
})();
