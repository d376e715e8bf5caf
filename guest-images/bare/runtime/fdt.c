#include "fdt.h"

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4 };

static u32 be32(u64 address) {
    const u8* p = (const u8*)address;
    return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static bool same(const char* a, const char* b) {
    for (; *a == *b; a++, b++)
        if (*a == '\0') return true;
    return false;
}

static u64 length(const char* s) {
    u64 n = 0;
    while (s[n] != '\0') n++;
    return n;
}

bool fdt_valid(u64 address) { return address != 0 && address % 8 == 0 && be32(address) == MAGIC; }
u32 fdt_total_size(u64 address) { return be32(address + 4); }

struct token {
    u32 kind;
    const char* name; // of the property
    const char* data;
    u32 size;
};

// Reads the token at *position and moves past it; false at the end.
static bool next(u64 fdt, u64* position, struct token* token) {
    u64 p = *position;
    token->kind = be32(p);
    p += 4;
    if (token->kind == BEGIN_NODE) {
        p += ALIGN_UP(length((const char*)p) + 1, 4);
    } else if (token->kind == PROPERTY) {
        token->size = be32(p);
        token->name = (const char*)(fdt + be32(fdt + 12) + be32(p + 4));
        token->data = (const char*)(p + 8);
        p += 8 + ALIGN_UP(token->size, 4);
    } else if (token->kind != END_NODE && token->kind != NOP) {
        return false;
    }
    *position = p;
    return true;
}

bool fdt_has_compatible(u64 fdt, const char* compatible) {
    u64 position = fdt + be32(fdt + 8);
    for (struct token token; next(fdt, &position, &token);) {
        if (token.kind != PROPERTY || !same(token.name, "compatible")) continue;
        for (u64 i = 0; i < token.size; i += length(token.data + i) + 1)
            if (same(token.data + i, compatible)) return true;
    }
    return false;
}

unsigned fdt_cpus(u64 fdt, u64* mpidrs, unsigned max) {
    u64 position = fdt + be32(fdt + 8);
    unsigned count = 0;
    bool is_cpu = false;
    u64 reg = 0;
    for (struct token token; next(fdt, &position, &token);) {
        if (token.kind == BEGIN_NODE) {
            is_cpu = false;
        } else if (token.kind == PROPERTY && same(token.name, "device_type")) {
            is_cpu = same(token.data, "cpu");
        } else if (token.kind == PROPERTY && same(token.name, "reg") && token.size <= 8) {
            reg = 0;
            for (u32 i = 0; i < token.size; i += 4) reg = reg << 32 | be32((u64)token.data + i);
        } else if (token.kind == END_NODE && is_cpu) {
            if (count < max) mpidrs[count] = reg;
            count++;
            is_cpu = false;
        }
    }
    return count;
}

u64 fdt_boot_argument(u64 fdt, const char* name, u64 fallback) {
    u64 position = fdt + be32(fdt + 8);
    for (struct token token; next(fdt, &position, &token);) {
        if (token.kind != PROPERTY || !same(token.name, "bootargs")) continue;
        for (const char* word = token.data; *word != '\0'; word++) {
            u64 matched = 0;
            while (name[matched] != '\0' && word[matched] == name[matched]) matched++;
            if (name[matched] != '\0' || word[matched] != '=' || (word != token.data && word[-1] != ' ')) continue;
            u64 number = 0;
            for (const char* digit = word + matched + 1; *digit >= '0' && *digit <= '9'; digit++)
                number = number * 10 + (u64)(*digit - '0');
            return number;
        }
    }
    return fallback;
}
