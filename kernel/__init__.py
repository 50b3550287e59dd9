"""What every app may build on. It knows no app and uses no business words."""
