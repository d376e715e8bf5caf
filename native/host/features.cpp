#include "host/features.h"

namespace beeline::host {

std::vector<Feature> features() {
    __builtin_cpu_init();
    return {
        {"sse4_2", __builtin_cpu_supports("sse4.2") != 0, "CRC32C instructions"},
        {"popcnt", __builtin_cpu_supports("popcnt") != 0, "bit counts"},
        {"aes", __builtin_cpu_supports("aes") != 0, "AES instructions"},
        {"pclmulqdq", __builtin_cpu_supports("pclmul") != 0, "polynomial multiplication"},
        {"bmi1", __builtin_cpu_supports("bmi") != 0, "bit fields"},
        {"bmi2", __builtin_cpu_supports("bmi2") != 0, "shifts that leave the flags alone"},
        {"avx2", __builtin_cpu_supports("avx2") != 0, "256-bit integer vectors"},
        {"fma", __builtin_cpu_supports("fma") != 0, "fused multiply-add"},
        {"f16c", __builtin_cpu_supports("f16c") != 0, "half precision conversions"},
        {"avx512f", __builtin_cpu_supports("avx512f") != 0, "512-bit vectors and masks"},
        {"avx512vl", __builtin_cpu_supports("avx512vl") != 0, "masks on 128-bit vectors"},
        {"avx512bw", __builtin_cpu_supports("avx512bw") != 0, "byte and word masks"},
        {"avx512dq", __builtin_cpu_supports("avx512dq") != 0, "64-bit multiplication"},
    };
}

} // namespace beeline::host
