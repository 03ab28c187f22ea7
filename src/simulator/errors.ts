/** An answer other than 200: the status line's reason is the first line of the message, as the API daemon does it. */
export class ApiError extends Error {
  readonly status: number;
  readonly errors: Readonly<Record<string, string>> | undefined;
  /** `json` is the usual body, `none` an empty body without content type, `text` the bare message. */
  readonly body: 'json' | 'none' | 'text';

  constructor(
    status: number,
    message: string,
    more: { errors?: Readonly<Record<string, string>>; body?: 'json' | 'none' | 'text' } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.errors = more.errors;
    this.body = more.body ?? 'json';
  }
}

/** 500: nearly everything that is neither a parameter nor a privilege. */
export function failure(message: string): ApiError {
  return new ApiError(500, message);
}

/** 400 with one text per parameter. */
export function parameterError(errors: Readonly<Record<string, string>>): ApiError {
  return new ApiError(400, 'Parameter verification failed.', { errors });
}

/** 403; `what` goes in parentheses and is left out where Proxmox names nothing. */
export function forbidden(what?: string): ApiError {
  return new ApiError(403, what === undefined ? 'Permission check failed' : `Permission check failed (${what})`);
}

/** 501: no such path, or no such method on it. */
export function notImplemented(method: string, path: string): ApiError {
  return new ApiError(501, `Method '${method} ${path}' not implemented`);
}

/** The text of an error, for a task's last line or a longer message. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
