/** Elements of the page, and numbers as it writes them. */

/** The element with this id, of this class: the page has it. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${type.name} with id ${id}`);
}

/** A new element with its class, its text and what it holds. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** 60000 → 60,000 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Milliseconds with two significant digits below ten: 0.34, 4.2, 17. */
export function formatMilliseconds(value: number): string {
  return value >= 10 ? formatCount(value) : String(Number(value.toPrecision(2)));
}

/** The error's message with its code, as h2q gives it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string'
    ? `${error.message} [${error.code}]`
    : error.message;
}

/** A later task, so that no single one takes long. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
