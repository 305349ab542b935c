// The grammar of tickets about programs.
#include "distill/data/tickets_grammar.h"

namespace retort {

TicketKind software_tickets() {
  TicketKind kind;
  kind.products = {
      {{"the mobile app", "the app on my phone", "your phone app"}, -0.5},
      {{"the desktop client", "the program on my computer", "your computer program"}, 0.4},
      {{"the cloud drive", "the online storage", "my backup folder"}, -0.9},
      {{"the calendar", "the meeting planner", "your scheduling tool"}, -0.1},
  };
  kind.problems = {
      // 0: it crashes when it starts
      {{"{} crashes as soon as it starts", "{} closes right after opening",
        "whenever I launch {} it quits at once",
        "I can't open {} because it shuts down immediately", "{} dies on startup",
        "all I get from {} is a crash at the beginning"},
       1,
       -0.7},
      // 1: it is slow
      {{"{} is extremely slow as soon as it starts", "{} takes ages to respond",
        "I have to wait minutes for every click in {}", "{} hangs all the time",
        "the speed of {} is terrible", "all I get from {} is a spinning wheel"},
       0,
       -0.4},
      // 2: it doesn't synchronise
      {{"{} does not sync with my other devices", "my changes in {} never show up elsewhere",
        "{} stopped copying data between my devices", "what I save in {} is missing on my tablet",
        "synchronisation of {} is broken", "{} will not load the data on my second device"},
       3,
       0.0},
      // 3: it can't be updated
      {{"the update of {} fails every time", "{} refuses to load the new version",
        "I am stuck on an old version of {}", "upgrading {} stops half way",
        "I can't get the latest release of {}", "{} will not install on my second device"},
       2,
       0.3},
      // 4: it notifies too much
      {{"{} sends me too many notifications", "{} keeps buzzing with alerts",
        "how do I stop the reminders from {}", "I get far too many messages from {}",
        "please turn off the alerts of {}", "{} disturbs me with popups all day"},
       5,
       0.7},
      // 5: it doesn't notify
      {{"{} sends me no notifications", "alerts from {} never reach me",
        "how do I start the reminders from {}", "I get no messages from {} any more",
        "please turn on the alerts of {}", "{} stays silent all day"},
       4,
       1.0},
  };
  return kind;
}

}  // namespace retort
