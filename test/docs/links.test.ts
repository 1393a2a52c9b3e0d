import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'

const PAGES = [
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
]

/** Links within the repository, without those to a place on the same page. */
function linksOf(page: string): { target: string; anchor: string | undefined }[] {
  return [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#\s]+)(?:#([^)\s]+))?\)/g)].map(
    ([, to = '', anchor]) => ({
      target: path.join(path.dirname(page), to),
      anchor,
    }),
  )
}

/** As GitHub makes them: small letters, blanks as hyphens, no other marks. */
function anchorsOf(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

it('README links every page of docs', () => {
  const linked = linksOf('README.md').map(({ target }) => target)
  for (const page of PAGES.filter((page) => page.startsWith('docs/'))) expect(linked).toContain(page)
})

it.each(PAGES)('the links of %s lead somewhere', (page) => {
  for (const { target, anchor } of linksOf(page)) {
    expect(existsSync(target), `${page}: ${target}`).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(target), `${page}: ${target}`).toContain(anchor)
  }
})
