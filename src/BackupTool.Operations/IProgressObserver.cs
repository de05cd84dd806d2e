namespace BackupTool.Operations;

/// <summary>
/// Hears how long work goes on. An operation reports its phases one after the other; only the command line decides what is shown.
/// Every member may be called from any thread at any time and none throws; <see cref="Advance"/> costs nanoseconds.
/// </summary>
public interface IProgressObserver
{
    /// <summary>A phase starts, and with it the one before it has ended.</summary>
    /// <param name="phase">What is done now, as the operator reads it: <c>store</c>, <c>verify</c>.</param>
    /// <param name="totalBytes">Bytes that the phase will go through; null while unknown.</param>
    /// <param name="totalItems">Things (files, chunks, snapshots) that the phase will go through; null while unknown.</param>
    void Begin(string phase, long? totalBytes, long? totalItems);

    /// <summary>This much more of the current phase is done.</summary>
    void Advance(long bytes, long items);

    /// <summary>Something worth telling that is no problem.</summary>
    void Message(string text);

    /// <summary>Something was skipped or went wrong without stopping the work: the run will end as done with warnings.</summary>
    void Warn(string text);
}
