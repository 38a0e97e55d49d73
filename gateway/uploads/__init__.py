"""Sound that was made elsewhere: accepted, listened to and screened, marked and signed like an episode of our own."""
