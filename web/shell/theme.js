/** Light, dark, or as the system has it. The choice is of this browser and says nothing of who uses it. */

const THEMES = /** @type {const} */ (["system", "light", "dark"]);
const NAME = "verdict-theme";

/** @returns {typeof THEMES[number]} */
export function theme() {
  const chosen = localStorage.getItem(NAME);
  return THEMES.find((one) => one === chosen) ?? "system";
}

export function showTheme() {
  document.documentElement.dataset.theme = theme();
}

export function nextTheme() {
  localStorage.setItem(NAME, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  showTheme();
}
