import http from 'node:http';

/** An answer as it came: status null when the connection was closed without one. */
export interface Answer {
  readonly status: number | null;
  readonly reason: string;
  readonly type: string;
  readonly text: string;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly body?: Buffer | string | undefined;
  readonly type?: string | undefined;
  readonly authorization?: string | undefined;
}

/** Sends one request on a connection of its own. */
export async function ask(url: string, request: Request): Promise<Answer> {
  const where = request.path.startsWith('/api2') ? request.path : `/api2/json${request.path}`;
  const headers: Record<string, string | number> = {};
  if (request.authorization !== undefined) headers['authorization'] = request.authorization;
  if (request.type !== undefined) headers['content-type'] = request.type;
  if (request.body !== undefined) headers['content-length'] = Buffer.byteLength(request.body);
  return await new Promise((resolve) => {
    const lost = () => resolve({ status: null, reason: '', type: '', text: '' });
    const target = `${url}${where}${request.query === undefined ? '' : `?${request.query}`}`;
    const sent = http.request(target, { method: request.method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', lost);
      response.on('end', () => {
        const { statusCode = 0, statusMessage = '' } = response;
        resolve({ status: statusCode, reason: statusMessage, type: response.headers['content-type'] ?? '', text });
      });
    });
    sent.on('error', lost);
    sent.end(request.body);
  });
}
