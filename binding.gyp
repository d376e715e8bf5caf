# Builds the same addon as native/CMakeLists.txt, from the same list of sources, for node-gyp.
{
  "target_defaults": {
    "default_configuration": "Release"
  },
  "targets": [
    {
      "target_name": "beeline",
      "sources": [
        "<!@(sed -n 's,^[^ ].*,native/&,p' native/sources.txt)"
      ],
      "include_dirs": [
        "native",
        "node_modules/node-addon-api"
      ],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3", "-fexceptions", "-frtti"],
      "cflags!": ["-O3", "-fno-omit-frame-pointer"],
      "cflags_cc": ["-std=c++20"],
      "cflags": [
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wno-missing-field-initializers",
        "-fPIC",
        "-fno-plt",
        "-fno-semantic-interposition",
        "-fvisibility=hidden",
        "-fvisibility-inlines-hidden",
        "-fno-rtti",
        "-fno-exceptions",
        "-foptimize-sibling-calls"
      ],
      "libraries": ["-lfmt", "-lfdt", "-lslirp", "-lseccomp", "-luring", "-lzstd", "-lz", "-lZydis", "-lpthread"]
    }
  ]
}
