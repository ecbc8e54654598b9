// A typed line as the words of a command, quoted as in redis-cli: "a\n\x41", 'it\'s'.

export class WordsError extends Error {}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

export function words(line: string): string[] {
  const list: string[] = [];
  let i = 0;
  for (;;) {
    while (i < line.length && /\s/.test(line[i]!)) i++;
    if (i >= line.length) return list;
    const [word, next] = line[i] === '"' || line[i] === "'" ? quoted(line, i) : plain(line, i);
    list.push(word);
    i = next;
  }
}

function plain(line: string, start: number): [string, number] {
  let i = start;
  while (i < line.length && !/\s/.test(line[i]!)) {
    if (line[i] === '"' || line[i] === "'") throw new WordsError('a quote inside of a word: put blanks around it');
    i++;
  }
  return [line.slice(start, i), i];
}

function quoted(line: string, start: number): [string, number] {
  const quote = line[start]!;
  let word = '';
  let i = start + 1;
  while (i < line.length && line[i] !== quote) {
    if (line[i] !== '\\') word += line[i++];
    else if (quote === "'") {
      word += line[i + 1] === "'" ? "'" : '\\';
      i += line[i + 1] === "'" ? 2 : 1;
    } else {
      const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(i + 1, i + 4));
      word += hex ? String.fromCharCode(parseInt(hex[1]!, 16)) : (escapes[line[i + 1] ?? ''] ?? line[i + 1] ?? '');
      i += hex ? 4 : 2;
    }
  }
  if (i >= line.length) throw new WordsError('a quote is not closed');
  if (i + 1 < line.length && !/\s/.test(line[i + 1]!)) throw new WordsError('a blank must follow a closing quote');
  return [word, i + 1];
}
