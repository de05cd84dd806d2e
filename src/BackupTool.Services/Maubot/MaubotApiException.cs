namespace BackupTool.Services.Maubot;

/// <summary>What kept a request to maubot, or to a homeserver for it, from being fulfilled.</summary>
public enum MaubotFailure
{
    /// <summary>Nobody answers there, or something that is no maubot does: nothing else can be asked either.</summary>
    Unreachable,
    /// <summary>The token or password was not taken: nothing else can be asked either.</summary>
    Unauthorized,
    /// <summary>This request was understood and refused; others may be fulfilled.</summary>
    Refused,
    /// <summary>This request failed within the server, or took too long; others may be fulfilled.</summary>
    Failed,
}

/// <summary>A request to maubot, or to a homeserver for it, failed. Holds no secrets.</summary>
public sealed class MaubotApiException(MaubotFailure failure, string message, string? hint = null, Exception? innerException = null)
    : ExplainedException(message, hint, innerException)
{
    /// <summary>What kind of failure it is.</summary>
    public MaubotFailure Failure { get; } = failure;

    /// <summary>The status code of the answer; 0 when there was none.</summary>
    public int StatusCode { get; init; }

    /// <summary>The server's own name of the error, like <c>client_not_found</c>; empty when it gave none.</summary>
    public string ErrorCode { get; init; } = "";

    /// <summary>What the server said, without the sentence around it; empty when there was no answer.</summary>
    public string Said { get; init; } = "";

    /// <summary>Whether other requests are worth a try.</summary>
    public bool ConcernsOnlyThisRequest => Failure is MaubotFailure.Refused or MaubotFailure.Failed;
}
