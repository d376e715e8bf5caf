// guest-images/NAME/image.json: the schema first, the types derived from it.
import { type Static, Type } from '@sinclair/typebox';

const closed = { additionalProperties: false };

const Mode = Type.String({ pattern: '^0[0-7]{3,4}$', description: 'Permission bits in octal, such as 0755.' });
const Path = Type.String({
  pattern: '^(?!.*(^|/)\\.{0,2}(/|$))[^\\u0000]+$',
  description: 'Relative, without . or ..',
});
const PackageName = Type.String({ pattern: '^[a-z0-9][a-z0-9+.-]+$' });

const Release = Type.String({
  pattern: '^[a-z]+$',
  description: "The release's code name; otherwise what this machine's apt sources have.",
});

/** Where the bytes of a file come from. */
const FromPackage = Type.Object(
  { package: PackageName, path: Path },
  { description: "A file of a Debian package; path may hold tar's wildcards.", ...closed },
);
const FromRecipe = Type.Object({ recipe: Path }, { description: 'A file beside image.json.', ...closed });

export const InitramfsEntrySchema = Type.Union([
  Type.Object({ type: Type.Literal('directory'), path: Path, mode: Type.Optional(Mode) }, closed),
  Type.Object(
    {
      type: Type.Literal('file'),
      path: Path,
      mode: Type.Optional(Mode),
      from: Type.Union([FromPackage, FromRecipe]),
    },
    closed,
  ),
  Type.Object({ type: Type.Literal('symlink'), path: Path, target: Type.String({ minLength: 1 }) }, closed),
  Type.Object(
    {
      type: Type.Literal('character'),
      path: Path,
      mode: Type.Optional(Mode),
      major: Type.Integer({ minimum: 0, maximum: 4095 }),
      minor: Type.Integer({ minimum: 0, maximum: 1048575 }),
    },
    closed,
  ),
]);

/** What boots a disk by itself. */
const Firmware = Type.Object(FromPackage.properties, {
  description:
    "A file of a Debian package: UEFI firmware that boots the disk, which gets partitions, a kernel and GRUB. The image's own kernel is for its installation alone.",
  ...closed,
});

/** A disk with a system that a guest installs on it. */
const DiskSchema = Type.Object(
  {
    size: Type.String({ pattern: '^[1-9][0-9]*[MG]$', description: 'Of the whole disk, such as 8G.' }),
    packages: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Beside the essential ones; what they depend on comes along.',
    }),
    install: Type.String({
      description:
        "A file beside image.json: the first process of the guest that installs, in place of the initramfs's init. " +
        'It reports on its console.',
    }),
    material: Path,
    firmware: Type.Optional(Firmware),
  },
  { description: 'The folder `material` goes to that guest with the packages.', ...closed },
);

/** A kernel and an initramfs put together from Debian packages, and perhaps a disk. */
export const DebianRecipeSchema = Type.Object(
  {
    kind: Type.Literal('debian'),
    architecture: Type.Literal('arm64'),
    release: Type.Optional(Release),
    kernel: Type.Object(
      {
        package: PackageName,
        follow: Type.Optional(
          Type.String({ description: 'Regular expression: the dependency of that package which holds the kernel.' }),
        ),
        path: Path,
        modules: Type.Optional(
          Type.Array(Type.String({ pattern: '^[a-zA-Z0-9_-]+$' }), {
            description:
              'Modules of that package which the initramfs gets, with those they need, where modprobe finds them.',
          }),
        ),
      },
      closed,
    ),
    initramfs: Type.Union(
      [
        Type.Array(InitramfsEntrySchema, {
          minItems: 1,
          description: 'In order; a folder comes before what is in it.',
        }),
        FromPackage,
      ],
      { description: 'Put together, or a file of a package as it is.' },
    ),
    disk: Type.Optional(DiskSchema),
  },
  closed,
);

/** Another image of this kind, with more packages on its disk. */
export const ExtendedRecipeSchema = Type.Object(
  {
    kind: Type.Literal('debian-with'),
    image: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'An image whose recipe has a disk.' }),
    release: Type.Optional(Type.String({ ...Release, description: "Another release than that image's." })),
    packages: Type.Array(Type.String({ minLength: 1 })),
    firmware: Type.Optional(Firmware),
  },
  { description: 'What another image has, of another release, or with more on its disk.', ...closed },
);

/** Guests built from source by `make OUT=DIR` in the recipe's folder. */
export const MakeRecipeSchema = Type.Object(
  {
    kind: Type.Literal('make'),
    tools: Type.Array(Type.Object({ command: Type.String(), package: PackageName }, closed), {
      description: 'Commands that have to be installed, and the Debian packages that have them.',
    }),
  },
  closed,
);

const Boot = {
  append: Type.Optional(Type.String({ description: 'Kernel command line.' })),
  memory: Type.Optional(Type.String({ description: 'As --memory takes it; 1G otherwise.' })),
  cpus: Type.Optional(Type.Integer({ minimum: 1, description: 'Number of CPUs; 1 otherwise.' })),
};

export const ImageSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'The name of its folder.' }),
    description: Type.String({ minLength: 1 }),
    recipe: Type.Union([DebianRecipeSchema, ExtendedRecipeSchema, MakeRecipeSchema]),
    guests: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' }),
            description: Type.String({ minLength: 1 }),
            kernel: Path,
            ...Boot,
          },
          closed,
        ),
        { minItems: 1, description: 'For recipes that make several: each is run as NAME/GUEST.' },
      ),
    ),
    login: Type.Optional(
      Type.Object(
        {
          prompt: Type.String({ description: 'Regular expression that the prompt for a name matches.' }),
          name: Type.String({ description: 'Who can log in with no password, and may do everything.' }),
        },
        closed,
      ),
    ),
    prompt: Type.Optional(Type.String({ description: 'Regular expression that the shell prompt matches.' })),
    ...Boot,
  },
  {
    $id: 'beeline.image.1',
    title: 'Beeline guest image',
    description: 'guest-images/NAME/image.json.',
    ...closed,
  },
);

export type ImageDefinition = Static<typeof ImageSchema>;
export type DebianRecipe = Static<typeof DebianRecipeSchema>;
export type ExtendedRecipe = Static<typeof ExtendedRecipeSchema>;
export type DiskRecipe = Static<typeof DiskSchema>;
export type MakeRecipe = Static<typeof MakeRecipeSchema>;
export type PackageFile = Static<typeof FromPackage>;
export type InitramfsEntry = Static<typeof InitramfsEntrySchema>;
