// For people who hear a page instead of seeing it, or have no mouse: names and roles that Jazzmin's
// own pages leave out; and a page that changes by itself must not take the focus away.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const name = (selector, label) =>
    document.querySelectorAll(selector).forEach((element) => element.setAttribute("aria-label", label));
  name('a[data-lte-toggle="sidebar"]', "Open or close the menu");
  name('th a[href^="?"]:has(> .fa-times)', "Sort by this column no longer");
  // A list that is called a navigation is no list any more; the nav around it is enough.
  document.querySelectorAll("ul[role]").forEach((list) => {
    if (["navigation", "menu"].includes(list.getAttribute("role"))) list.removeAttribute("role");
  });
});

// Who enters something into a field that has a box "Change" wants it changed.
document.addEventListener("input", (event) => {
  const group = event.target.closest("[data-ticked-by]");
  const box = group && document.getElementById(group.dataset.tickedBy);
  if (box && event.target !== box) box.checked = true;
});

// What is written anew while somebody reads it: where the focus was, and how far the log was scrolled.
let focused = null;
let scrolled = null;
const FOCUSABLE = "a, button, summary, [tabindex]";
const nameOf = (element) => [
  element.tagName,
  element.getAttribute("href"),
  element.getAttribute("aria-label") || element.textContent.trim(),
].join(" ");
const log = () => document.querySelector(".run-log");
document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  const element = document.activeElement;
  focused = target.contains(element) ? { within: target.id, name: nameOf(element) } : null;
  // New lines come on top: who reads further down stays as far from the end.
  scrolled = log() && log().scrollTop > 0 ? log().scrollHeight - log().scrollTop : null;
});
document.addEventListener("htmx:afterSwap", () => {
  if (scrolled !== null && log()) log().scrollTop = log().scrollHeight - scrolled;
});
document.addEventListener("htmx:afterSettle", () => {
  if (focused !== null) {
    const within = document.getElementById(focused.within) || document;
    const again = [...within.querySelectorAll(FOCUSABLE)].find((element) => nameOf(element) === focused.name);
    if (again) again.focus({ preventScroll: true });
  }
  // Said once, when it changes; the visible words are written anew every second.
  const said = document.getElementById("run-status");
  const words = document.querySelector(".run-words");
  if (said && words) {
    const now = words.textContent.replace(/\s+/g, " ").trim();
    if (said.textContent !== now) said.textContent = now;
  }
});
