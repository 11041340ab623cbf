throw new Error("the till is jammed");
