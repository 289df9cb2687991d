/** Where messages go and come from: a worker, a `MessagePort`, the inside of a worker; of a browser or of Node. */

/** What all of them have. A `Worker` of Node has `on` alone, everything else `addEventListener`. */
export interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener?(type: string, listener: (event: unknown) => void): void;
  removeEventListener?(type: string, listener: (event: unknown) => void): void;
  on?(type: string, listener: (value: unknown) => void): unknown;
  off?(type: string, listener: (value: unknown) => void): unknown;
  /** Ports deliver nothing before. */
  start?(): void;
  close?(): void;
}

/** What can be told of an event: of a message its `data`, of a failure `error` or at least `message`. */
export interface PortEvent {
  data?: unknown;
  error?: unknown;
  message?: string;
}

/** Calls `listener` for every event of a type until the returned function is called. */
export function listen(port: Port, type: string, listener: (event: PortEvent) => void): () => void {
  if (port.addEventListener) {
    const heard = (event: unknown) => listener(event as PortEvent);
    port.addEventListener(type, heard);
    return () => port.removeEventListener?.(type, heard);
  }
  const heard = (value: unknown) => listener({ data: value, error: value });
  port.on?.(type, heard);
  return () => port.off?.(type, heard);
}

/**
 * Marks our messages and counts versions of the protocol: whatever else is sent over the same port passes us by,
 * messages of another release's worker among it.
 */
const MARK = 1;

export function send<Message extends object>(
  port: Port,
  message: Message,
  transfer: ArrayBuffer[] = [],
): void {
  port.postMessage({ h2q: MARK, ...message }, transfer);
}

/** Calls `listener` for every message that {@link send} sent. */
export function receive<Message>(port: Port, listener: (message: Message) => void): () => void {
  const stop = listen(port, 'message', ({ data }) => {
    if ((data as { h2q?: unknown } | null)?.h2q === MARK) listener(data as Message);
  });
  port.start?.();
  return stop;
}
