import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

/** Whether a process dies at this write, asked before it leaves and after the server has answered it. */
export type WriteHook = (write: string, when: 'before' | 'after') => boolean;

/**
 * What one process of the bot speaks to the API through: it tells of its writes, and can be cut for good. The client
 * makes a connection of its own for every write, so the first line of a connection says what it is for.
 */
export class Wire {
  readonly #port: number;
  readonly #dies: WriteHook;
  readonly #server = net.createServer((socket) => this.#pass(socket));
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  constructor(target: string, dies: WriteHook) {
    this.#port = Number(new URL(target).port);
    this.#dies = dies;
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on nothing goes through in either direction. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pass(client: Socket): void {
    this.#hold(client, client);
    client.once('data', (first: Buffer) => {
      client.pause();
      const [, method = '', path = ''] = /^(\w+) \/api2\/json([^? ]*)/.exec(first.toString('latin1')) ?? [];
      const write = method === 'GET' ? undefined : `${method} ${path}`;
      if (write !== undefined && this.#asks(write, 'before')) return;
      const server = net.connect(this.#port, '127.0.0.1');
      this.#hold(server, client);
      server.write(first);
      client.pipe(server);
      if (write === undefined) server.pipe(client);
      else this.#holdBack(write, server, client);
    });
  }

  /** The answer to a write, whole, if the process lives to hear it. */
  #holdBack(write: string, server: Socket, client: Socket): void {
    let answer = Buffer.alloc(0);
    server.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (isWhole(answer) && !this.#asks(write, 'after')) client.write(answer);
    });
  }

  #asks(write: string, when: 'before' | 'after'): boolean {
    if (!this.#isCut && this.#dies(write, when)) this.cut();
    return this.#isCut;
  }

  #hold(socket: Socket, client: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => client.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

function isWhole(answer: Buffer): boolean {
  const [head = '', body] = answer.toString('latin1').split(/\r\n\r\n(.*)/s);
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  return body !== undefined && body.length >= length;
}
