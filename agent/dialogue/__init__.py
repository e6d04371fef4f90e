"""From a prediction to a reply: entities, tracker, router, policy and the apps' actions."""
