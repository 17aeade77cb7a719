package actor

const KillGrace = killGrace
