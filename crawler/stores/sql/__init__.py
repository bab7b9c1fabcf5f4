"""The parts of a store, each with its statements; they run on any `stores.driver.Driver`."""
