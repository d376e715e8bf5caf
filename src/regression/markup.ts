// HTML and SVG as text in which nothing is forgotten to be escaped.

/** What need not be escaped any more. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | readonly Content[];

/** Text and attribute values, for HTML and XML. */
export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' };
  // XML has no way to write other control characters.
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '').replace(/[&<>"]/g, (sign) => `&${names[sign]};`);
}

function written(content: Content): string {
  if (content instanceof Markup) return content.text;
  return typeof content === 'string' ? escaped(content) : content.map(written).join('');
}

/** An element; numbers get two decimals, which is enough for a pixel. */
export function tag(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...content: readonly Content[]
): Markup {
  const value = (one: string | number) =>
    typeof one === 'number' ? String(Math.round(one * 100) / 100) : escaped(one);
  const words = Object.entries(attributes).map(([key, one]) => ` ${key}="${value(one)}"`);
  return new Markup(`<${name}${words.join('')}>${written(content)}</${name}>`);
}
