"""What a revision has done on a server is noted, so that it can go on where it stopped."""
