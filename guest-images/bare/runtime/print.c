#include "print.h"

#include "types.h"
#include "uart.h"

static void put_number(u64 value, unsigned base, unsigned width) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (; width > count; width--) uart_put('0');
    while (count > 0) uart_put(digits[--count]);
}

void print_list(const char* format, va_list list) {
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            if (*format == '\n') uart_put('\r');
            uart_put(*format);
            continue;
        }
        unsigned width = 0;
        for (format++; *format >= '0' && *format <= '9'; format++) width = width * 10 + (unsigned)(*format - '0');
        bool is_long = false;
        for (; *format == 'l'; format++) is_long = true;
        if (*format == 's') {
            for (const char* s = va_arg(list, const char*); *s != '\0'; s++) uart_put(*s);
        } else if (*format == 'c') {
            uart_put((char)va_arg(list, int));
        } else if (*format == 'd') {
            s64 value = is_long ? va_arg(list, s64) : va_arg(list, int);
            if (value < 0) uart_put('-');
            put_number(value < 0 ? 0 - (u64)value : (u64)value, 10, width);
        } else if (*format == 'u' || *format == 'x') {
            u64 value = is_long ? va_arg(list, u64) : va_arg(list, u32);
            put_number(value, *format == 'u' ? 10 : 16, width);
        } else {
            uart_put(*format);
        }
    }
}

void print(const char* format, ...) {
    va_list list;
    va_start(list, format);
    print_list(format, list);
    va_end(list);
}
