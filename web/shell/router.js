/** Which screen an address opens. Links of the page are ordinary links; a click on one changes the screen in place. */

/** @typedef {{path: string, names: Record<string, string>, query: URLSearchParams}} Place */

/** @param {string} pattern as `/markets/{id}` @param {string} path @returns {Record<string, string> | null} */
export function match(pattern, path) {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const names = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith("{")) names[part.slice(1, -1)] = decodeURIComponent(given[index]);
    else if (part !== given[index]) return null;
  }
  return names;
}

/** @param {() => void} moved */
export function createRouter(moved) {
  addEventListener("popstate", moved);
  addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !plain || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.hasAttribute("data-outside") || link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });

  /** @param {string} address @param {{replace?: boolean}} [how] */
  function go(address, { replace = false } = {}) {
    if (replace) history.replaceState(null, "", address);
    else if (address !== location.pathname + location.search) history.pushState(null, "", address);
    scrollTo(0, 0);
    moved();
  }
  return { go };
}
