#include "uart.h"

#include "types.h"

enum { UARTDR = 0x00, UARTFR = 0x18, UARTLCR_H = 0x2C, UARTCR = 0x30, UARTIMSC = 0x38 };
enum {
    FR_TXFF = 1 << 5,
    LCR_H_FEN = 1 << 4,
    LCR_H_WLEN8 = 3 << 5,
    CR_UARTEN = 1 << 0,
    CR_TXE = 1 << 8,
    CR_RXE = 1 << 9
};

static volatile u32* reg(unsigned offset) { return (volatile u32*)(0x09000000ull + offset); }

void uart_init(void) {
    *reg(UARTCR) = 0;
    *reg(UARTIMSC) = 0;
    *reg(UARTLCR_H) = LCR_H_FEN | LCR_H_WLEN8;
    *reg(UARTCR) = CR_UARTEN | CR_TXE | CR_RXE;
}

void uart_put(char c) {
    while (*reg(UARTFR) & FR_TXFF) {
    }
    *reg(UARTDR) = (u8)c;
}
