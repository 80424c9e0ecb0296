package dev.agentvm;

/** Where a VM is in its life. */
public enum VMState {
    /** It is being launched; its guest agent has not answered yet. */
    STARTING,
    /** Its guest runs. */
    RUNNING,
    /** Its guest stands still and keeps its memory. */
    PAUSED,
    /** It is being put back to an earlier state; its guest agent has not answered yet. */
    RESTORING,
    /** It is gone for good. */
    DESTROYED
}
