/* Cats and dogs on the Arduino Nano 33 BLE Sense: a picture in the flash, the answer and the time over the serial port.
 *
 * `make firmware` puts the network and the picture beside this file.
 */
#include <string.h>

extern "C" {
#include "network.h"
}
#include "picture.h"

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
}

void loop() {
  memcpy(network_input(), picture, sizeof picture);
  const unsigned long start = micros();
  const int8_t *codes = network_run();
  const unsigned long microseconds = micros() - start;

  Serial.print(codes[1] > codes[0] ? names[1] : names[0]);
  for (int i = 0; i < 2; i++) {
    Serial.print(", ");
    Serial.print(names[i]);
    Serial.print(" ");
    Serial.print((int)codes[i]);
    Serial.print(codes[i] == expected[i] ? "" : " (another code than on the computer)");
  }
  Serial.print(", ");
  Serial.print(microseconds);
  Serial.println(" microseconds");
  delay(2000);
}
