using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Reseed;

/// <summary>Fills the new databases of a service that runs with them, and sees what has come back.</summary>
internal sealed class Reseeding(BackupConfiguration configuration, WipeRequest request, WipePlan plan, BackupReport? safety, SeedFiles? seed, ReplacementContext context)
{
    private readonly List<string> _losses = [], _notes = [];
    private IReadOnlyList<SalvagedDatabase> _salvaged = [];
    private IReadOnlyList<FilledDatabase> _filled = [];
    private BotsBack _bots = BotsBack.None;

    /// <summary>Fills and proves. What must be true and is not, a sentence each: then all is put back.</summary>
    internal async Task<IReadOnlyList<string>> FillAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        FailPoint.Reach(FailPoint.Reseeding);
        try
        {
            AffectedService service = record.Services.First(static each => each.IsReplaced);
            foreach (WipedFile file in plan.Targets.Files)
                if (await new NewDatabaseWatch(context).WaitAsync(file, service.Name, TimeSpan.FromSeconds(service.HealthTimeoutSeconds), cancellationToken) is { } problem) return [problem];
            _salvaged = new OldStateSalvage(configuration.State.Path, context.Progress, context.Time).Run(plan, record, safety, request.UsesSalvage, cancellationToken);
            IReadOnlyList<string> problems = request.Method == ReseedMethod.Rows ? await CopyRowsAsync(record, cancellationToken) : [];
            if (problems.Count == 0 && plan.Targets.IsMaubot) await SeeBotsAsync(cancellationToken);
            return problems;
        }
        catch (IOException e)
        {
            return [e.Message];
        }
    }

    private async Task<IReadOnlyList<string>> CopyRowsAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        var sources = new List<(BytePath Source, BytePath Live)>();
        foreach (WipedFile file in plan.Targets.SqliteFiles)
        {
            BytePath? source = request.UsesSalvage ? _salvaged.FirstOrDefault(each => each.Database == file.Live)?.Copy : seed!.DatabaseOf(file);
            if (source is null) return [$"nothing could be salvaged of {file.Live} ({_salvaged.FirstOrDefault(each => each.Database == file.Live)?.Problem ?? "there was none"}): there are no rows to copy"];
            sources.Add((source.Value, file.Live));
        }
        var rows = new RowReseed(record, context);
        IReadOnlyList<string> problems = await rows.RunAsync(sources, cancellationToken);
        _filled = rows.Filled;
        _losses.AddRange(rows.Losses);
        if (rows.Downtime is { } downtime) _notes.Add($"{plan.Targets.Settings.Name} was stopped a second time, for {downtime.TotalSeconds:0.0} s, to copy rows");
        return problems;
    }

    private async Task SeeBotsAsync(CancellationToken cancellationToken)
    {
        var maubot = new WipedMaubot(plan.Targets, context);
        MaubotSeed? expected = request.Method == ReseedMethod.None ? null : maubot.ReadSeed(SeedDatabase, seed?.Plugins);
        _bots = request.Method switch
        {
            ReseedMethod.Api => await maubot.ReseedAsync(expected!, request.FreshDevices, cancellationToken),
            ReseedMethod.Rows => await maubot.ReadBackAsync(expected!, cancellationToken),
            _ => maubot.LookAtDisk([]),
        };
        _losses.AddRange(_bots.Losses);
        _notes.AddRange(_bots.Notes);
    }

    private BytePath SeedDatabase => seed?.DatabaseOf(plan.Targets.SqliteFiles.First()) ?? _salvaged[0].Copy!.Value;

    /// <summary>What came of it.</summary>
    internal WipeReport ReportOf(ReplacementOutcome outcome)
    {
        bool isReached = outcome.IsReached;
        return new WipeReport
        {
            Plan = plan,
            Safety = safety,
            Outcome = outcome,
            Salvaged = _salvaged,
            Filled = isReached ? _filled : [],
            Plugins = isReached ? _bots.Plugins : [],
            Clients = isReached ? _bots.Clients : [],
            Instances = isReached ? _bots.Instances : [],
            Reattached = isReached ? _bots.Reattached : [],
            Orphaned = isReached ? _bots.Orphaned : [],
            Losses = isReached ? _losses : [],
            NotToBeHad = isReached ? LossesByNature.Of(configuration, request, plan) : [],
            Notes = isReached ? _notes : [],
        };
    }
}
