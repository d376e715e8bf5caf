// The PL011 serial port (DDI 0183G), polled.
#pragma once

void uart_init(void);
void uart_put(char c);
