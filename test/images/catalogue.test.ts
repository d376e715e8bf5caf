import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findImage, imageNames, readDefinition, runnableNames } from '../../src/images/catalogue.js';
import { projectRoot } from '../../src/paths.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';
import { definition, writeRecipe } from './recipes.js';

describe('the catalogue of images', () => {
  const folder = new TemporaryFolder();

  function malformed(value: unknown): string {
    const path = folder.at('image.json');
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
    return throwsCode('BEELINE_E_IMAGE_MALFORMED', () => readDefinition(path, 'x')).message;
  }

  it('accepts every definition of the project', () => {
    const own = join(projectRoot, 'guest-images');
    const names = imageNames(own);
    assert.ok(names.includes('debian-busybox'));
    assert.ok(names.includes('bare'));
    for (const name of names) findImage(name, own);
  });

  it('names the guests of an image of several', () => {
    writeRecipe(folder.path, 'x', 'true');
    assert.deepEqual(imageNames(folder.path), ['x']);
    assert.deepEqual(runnableNames(findImage('x', folder.path)), ['x/one']);
  });

  it('says which images there are when one is unknown', () => {
    writeRecipe(folder.path, 'x', 'true');
    mkdirSync(folder.at('no-definition'));
    for (const name of ['y', '', '..', '../x', 'no-definition']) {
      const error = throwsCode('BEELINE_E_IMAGE_UNKNOWN', () => findImage(name, folder.path));
      assert.match(error.message, /known images are x$/);
    }
  });

  it('says what is wrong with a malformed definition, and where', () => {
    assert.match(malformed('{'), /is not JSON/);
    assert.match(malformed([]), /is wrong/);
    assert.match(malformed(definition('y')), /\/name is not the name of its folder, x/);
    assert.match(malformed(definition('x', { description: 3 })), /\/description is wrong/);
    assert.match(malformed(definition('x', { surplus: true })), /\/surplus is wrong/);
    assert.match(malformed(definition('x', { memory: '3M' })), /\/memory is wrong/);
    assert.match(malformed(definition('x', { guests: undefined })), /needs \/guests/);
    const recipe = { kind: 'make', tools: [{ command: 'x', package: 'Not A Package' }] };
    assert.match(malformed(definition('x', { recipe })), /\/recipe\/tools\/0\/package is wrong/);
    for (const path of ['/etc/passwd', '../x', 'a/../b', 'a//b', '.']) {
      const guests = [{ name: 'one', description: 'd', kernel: path }];
      assert.match(malformed(definition('x', { guests })), /\/guests\/0\/kernel is wrong/, path);
    }
  });
});
