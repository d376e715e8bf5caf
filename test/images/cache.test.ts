import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { BeelineError } from '../../src/errors.js';
import { buildError } from '../../src/images/build.js';
import { BuildFolder, cachedFolder, imageCache, inspectCache, removeCached } from '../../src/images/cache.js';
import { findImage, type Image } from '../../src/images/catalogue.js';
import { buildImage, ensureImage } from '../../src/images/ensure.js';
import { TemporaryFolder } from '../support/temporary.js';
import { writeRecipe } from './recipes.js';

describe('the cache of images', () => {
  const folder = new TemporaryFolder();
  const before = { cache: process.env.XDG_CACHE_HOME, recipes: process.env.BEELINE_GUEST_IMAGES };
  let image: Image;

  beforeEach(() => {
    process.env.XDG_CACHE_HOME = folder.at('cache');
    process.env.BEELINE_GUEST_IMAGES = folder.at('recipes');
    writeRecipe(folder.at('recipes'), 'x', 'echo kernel > $(OUT)/one');
    image = findImage('x');
  });

  afterEach(() => {
    for (const [name, value] of [
      ['XDG_CACHE_HOME', before.cache],
      ['BEELINE_GUEST_IMAGES', before.recipes],
    ] as const) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const build = () => buildImage(image, { quiet: true });

  it('builds what is missing and finds it whole afterwards', async () => {
    assert.deepEqual(inspectCache(image), { state: 'missing' });
    const built = await ensureImage('x/one', { quiet: true });
    assert.equal(readFileSync(built.kernel ?? '', 'utf8'), 'kernel\n');
    assert.equal(built.append, 'quiet');
    assert.equal(built.memory, 64 * 1024 * 1024);
    assert.equal(inspectCache(image).state, 'ready');
    assert.deepEqual(readdirSync(imageCache()), ['x']);
  });

  it('notices files that changed, shrank or went, and a manifest that is no manifest', async () => {
    const broken = async (spoil: () => void) => {
      await build();
      spoil();
      assert.equal(inspectCache(image).state, 'broken');
    };
    const kernel = () => `${cachedFolder('x')}/one`;
    const manifest = () => `${cachedFolder('x')}/manifest.json`;
    await broken(() => writeFileSync(kernel(), 'kernem\n'));
    await broken(() => writeFileSync(kernel(), ''));
    await broken(() => rmSync(kernel()));
    await broken(() => writeFileSync(manifest(), '{'));
    await broken(() => writeFileSync(manifest(), '{}'));
    await broken(() => rmSync(manifest()));
    await ensureImage('x/one', { quiet: true });
    assert.equal(inspectCache(image).state, 'ready');
  });

  it('reads large files again when they were touched, or when everything is to be read', async () => {
    writeRecipe(folder.at('recipes'), 'x', 'head -c 9000000 /dev/zero > $(OUT)/one');
    image = findImage('x');
    await build();
    const manifest = `${cachedFolder('x')}/manifest.json`;
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"sha256": "[0-9a-f]{8}/, '"sha256": "00000000'));
    assert.equal(inspectCache(image).state, 'ready');
    assert.equal(inspectCache(image, { everything: true }).state, 'broken');
    utimesSync(`${cachedFolder('x')}/one`, 1, 1);
    assert.equal(inspectCache(image).state, 'broken');
  });

  it('notices a recipe that changed', async () => {
    await build();
    writeFileSync(folder.at('recipes', 'x', 'more'), 'x');
    assert.equal(inspectCache(image).state, 'outdated');
  });

  it('keeps the old image and no scraps when a build fails', async () => {
    await build();
    writeRecipe(folder.at('recipes'), 'x', 'echo half > $(OUT)/one; echo "it broke: error: no luck" >&2; false');
    image = findImage('x');
    await assert.rejects(build(), (error: unknown) => {
      assert.ok(error instanceof BeelineError);
      assert.equal(error.code, 'BEELINE_E_IMAGE_BUILD');
      assert.match(error.message, /^image x could not be built: make: it broke: error: no luck; correct the recipe/);
      return true;
    });
    assert.deepEqual(readdirSync(imageCache()), ['x']);
    assert.equal(readFileSync(`${cachedFolder('x')}/one`, 'utf8'), 'kernel\n');
  });

  it('names the packages of tools that are missing', async () => {
    const recipe = { kind: 'make', tools: [{ command: 'no-such-compiler', package: 'gcc-nowhere' }] };
    writeRecipe(folder.at('recipes'), 'x', 'true', { recipe });
    image = findImage('x');
    await assert.rejects(build(), /these Debian packages are missing: gcc-nowhere; run: apt-get install/);
  });

  it('calls a full disk a full disk', () => {
    const build = new BuildFolder();
    for (const error of [
      Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }),
      new Error('make: cc1: write error: No space left on device'),
      new Error('bash: tar: ./boot/vmlinuz: Wrote only 8192 of 10240 bytes'),
    ]) {
      const known = buildError(image, build, error);
      assert.ok(known instanceof BeelineError);
      assert.equal(known.code, 'BEELINE_E_DISK_FULL');
    }
    build.discard();
  });

  it('clears what a build left behind that was killed', () => {
    mkdirSync(`${imageCache()}/.build-${hostname()}-999999999/result`, { recursive: true });
    mkdirSync(`${imageCache()}/.build-elsewhere-1`, { recursive: true });
    new BuildFolder().discard();
    assert.deepEqual(readdirSync(imageCache()), ['.build-elsewhere-1']);
  });

  it('says so when the cache cannot be written', async () => {
    writeFileSync(folder.at('cache'), 'a file where a folder should be');
    await assert.rejects(build(), /the cache folder .* cannot be used \((ENOTDIR|EEXIST)\); make it writable/);
  });

  it('removes', async () => {
    await build();
    assert.equal(removeCached('x'), true);
    assert.equal(removeCached('x'), false);
    assert.ok(!existsSync(cachedFolder('x')));
  });
});
