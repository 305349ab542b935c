// The grammar of tickets about hardware.
#include "distill/data/tickets_grammar.h"

namespace retort {

TicketKind device_tickets() {
  TicketKind kind;
  kind.products = {
      {{"the printer", "my laser printer", "the printing machine"}, -0.4},
      {{"the router", "my wireless box", "the internet box"}, 0.5},
      {{"the monitor", "my screen", "the display"}, -0.8},
      {{"the scanner", "my document reader", "the scanning unit"}, 0.1},
  };
  kind.problems = {
      // 0: won't turn on
      {{"{} won't turn on", "{} stays dark when I press the button", "{} shows no sign of life",
        "I cannot power up {}", "{} is completely dead", "nothing happens when I switch on {}"},
       1,
       -1.0},
      // 1: won't turn off
      {{"{} won't turn off", "{} stays bright when I press the button",
        "{} keeps running all night", "I cannot shut down {}", "{} never goes to sleep",
        "nothing happens when I switch off {}"},
       0,
       -0.7},
      // 2: loses the connection
      {{"{} keeps losing the connection", "{} goes offline every hour", "my laptop cannot find {}",
        "{} drops out again and again", "the link to {} is unstable",
        "{} vanishes from the network"},
       4,
       -0.3},
      // 3: makes a noise
      {{"{} makes a loud noise", "there is a strange sound from {}", "{} hums and rattles",
        "{} has become too noisy", "I hear a buzzing from {}", "{} whistles while running"},
       5,
       0.0},
      // 4: to be set up
      {{"how do I set up {}", "I need help to connect {} for the first time",
        "{} is new and I can't configure it", "please help me to install {}",
        "where is the manual of {}", "what are the first steps with {}"},
       2,
       0.4},
      // 5: came damaged
      {{"{} arrived damaged", "{} was broken when I unpacked it",
        "I want to exchange {} for a working one", "there is a crack in {}",
        "please send a replacement for {}", "{} has a defect from the factory"},
       3,
       0.7},
  };
  return kind;
}

}  // namespace retort
