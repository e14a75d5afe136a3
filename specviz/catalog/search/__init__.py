"""Which stars of a catalogue look most like one, among a hundred or a hundred million."""
