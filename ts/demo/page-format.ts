/** How the page and the terminal write text and numbers. */

/** Text as HTML, safe between tags and within quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** 60000 → 60,000 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Shares and scores: 0.7512 → 0.751 */
export function formatScore(value: number): string {
  return value.toFixed(3);
}

/** Losses: 0.43876 → 0.4388 */
export function formatLoss(value: number): string {
  return value.toFixed(4);
}

/** Two significant digits below ten seconds, whole seconds above: 0.0123 → 0.012, 84.2 → 84. */
export function formatSeconds(value: number): string {
  return value >= 10 ? formatCount(value) : String(Number(value.toPrecision(2)));
}

/** Three significant digits: 123456 → 123,000 */
export function formatSpeed(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

/** JSON that cannot end the script element it stands in. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
