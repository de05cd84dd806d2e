namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// What a program writes, as a stream that <b>ends only when all of it is there</b>: the read that meets the end waits for the program, and throws unless it ended with 0, said no
/// error, and the caller's last check holds. Every read after a failure throws the same. The program waits while nobody reads.
/// </summary>
internal sealed class ProgramOutputStream(ChildProgram child, PostgresEndpoint access, string program, CancellationToken cancellationToken) : Stream
{
    private readonly CancellationTokenRegistration _onCancel = cancellationToken.Register(child.Kill);
    private SourceException? _failure;
    private bool _hasBegun, _isComplete;

    /// <summary>Made when the first bytes have come; what it throws ends the program and the stream.</summary>
    internal Func<CancellationToken, Task>? OnFirstBytes { get; init; }

    /// <summary>Sees everything that goes by, and is asked at the end whether it was a whole dump; null for what is none.</summary>
    internal DumpShape? Shape { get; init; }

    /// <summary>Made when the program has ended well; what it throws ends the stream.</summary>
    internal Func<CancellationToken, Task>? OnEnd { get; init; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty || IsOver()) return 0;
        int read = child.Output.Read(buffer);
        Shape?.Feed(buffer[..read]);
        if (read == 0 || !_hasBegun) CheckAsync(read == 0, cancellationToken).GetAwaiter().GetResult();
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken token = default)
    {
        if (buffer.IsEmpty || IsOver()) return 0;
        int read = await child.Output.ReadAsync(buffer, token);
        Shape?.Feed(buffer.Span[..read]);
        if (read == 0 || !_hasBegun) await CheckAsync(read == 0, token);
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken token) => ReadAsync(buffer.AsMemory(offset, count), token).AsTask();
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _onCancel.Dispose();
            child.Dispose();
        }
        base.Dispose(disposing);
    }

    private bool IsOver()
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_failure is not null) throw _failure;
        return _isComplete;
    }

    private async Task CheckAsync(bool isAtEnd, CancellationToken token)
    {
        try
        {
            if (!isAtEnd)
            {
                _hasBegun = true;
                if (OnFirstBytes is not null) await OnFirstBytes(token);
                return;
            }
            await RequireSuccessAsync(token);
            if (OnEnd is not null) await OnEnd(token);
            _isComplete = true;
        }
        catch (SourceException e)
        {
            child.Kill();
            _failure = e;
            throw;
        }
    }

    private async Task RequireSuccessAsync(CancellationToken token)
    {
        ProgramEnd end = await child.Ended.WaitAsync(token);
        cancellationToken.ThrowIfCancellationRequested();
        if (!end.IsSuccess) throw Explain(end, access, program);
        if (!_hasBegun) throw new SourceException($"{program} of {access.Target} wrote nothing, and called that a success", $"Replace the {program} that is installed.");
        if (Shape?.FindProblem() is { } problem)
            throw new SourceException($"{program} of {access.Target} ended as if its dump were whole, and it is not: {problem}", $"See what stands in the way of the {program} that is installed, then try again.");
    }

    internal static SourceException Explain(ProgramEnd end, PostgresEndpoint access, string program)
    {
        string said = access.Mask(string.Join("; ", end.Lines));
        return new SourceException($"{program} of {access.Target} {end.How}{(said.Length > 0 ? $": {said}" : " and said nothing")}", Advise(said));
    }

    private static string Advise(string said) => said switch
    {
        _ when said.Contains("No space left on device", StringComparison.Ordinal) => "Make room on the disk of PostgreSQL's data, then try again.",
        _ when said.Contains("must be ", StringComparison.Ordinal) && said.Contains("query: ERROR:", StringComparison.Ordinal) => "Only a superuser may do that: run it as root on the server's host, or give role postgres in `postgres` of the service.",
        _ when said.Contains("permission denied", StringComparison.Ordinal) => "Grant the role what it lacks, or connect as role postgres.",
        _ when said.Contains("row-level security", StringComparison.Ordinal) => "Connect as role postgres, or as one with BYPASSRLS: anybody else would get a part of the rows.",
        _ when said.Contains("lock timeout", StringComparison.Ordinal) => "Something holds a table for itself, as a migration does: wait for its end, then try again.",
        _ when said.Contains("version mismatch", StringComparison.Ordinal) => "Install PostgreSQL's client programs in the server's version.",
        _ when said.Contains("connection to server", StringComparison.Ordinal) => "See 'systemctl status postgresql', PostgreSQL's log and pg_hba.conf.",
        _ => "See PostgreSQL's log, then try again.",
    };
}
