/** Which screen an address opens. Links of the page are ordinary links; a click on one changes the screen in place. */



/** @param {string} pattern as `/markets/{id}` @param {string} path @returns {Record<string, string> | null} */
export function match(pattern, path) {
  const found = new RegExp(`^${pattern.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`).exec(path);
  return found && Object.fromEntries(Object.entries(found.groups ?? {}).map(([name, part]) => [name, decodeURIComponent(part)]));
}

/** @param {() => void} moved */
export function createRouter(moved) {
  addEventListener("popstate", moved);
  addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    const isPlain = !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !isPlain || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.getAttribute("href")?.startsWith("#")) return;
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
