//! `study links`: a layer of DeepSeek-V3 over several GPUs, by how wide their links are, as a table and a chart.

use std::path::Path;

use kernels::model::config::Config;
use kernels::model::published;

use super::Failure;
use super::output::write_file;
use crate::links::{Layer, NODE, NODES, REACHED, Split, TOKENS, layer};
use crate::profile::{GpuProfile, Loaded};
use crate::report::chart::curve::{self, Axis, Curves};
use crate::report::listing::Listing;

/// Machines of the table.
const MACHINES: [&str; 5] = ["h100", "h800", "h20", "a100", "a800"];
/// The one whose link varies, and to what, GB/s both ways.
const VARIED: &str = "h800";
const LINKS: [f64; 9] = [50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 750.0, 900.0];

/// The table, and the chart where it is asked for.
pub fn study(chart: Option<&Path>) -> Result<Listing, Failure> {
    let config = published::named("deepseek-v3").ok_or_else(|| Failure::input("no configuration deepseek-v3"))?;
    let all = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    let find = |id: &str| {
        let found = all.iter().find(|m| m.profile.id == id).map(|m| m.profile.clone());
        found.ok_or_else(|| Failure::input(format!("no profile {id}")))
    };
    let mut rows = Vec::new();
    for id in MACHINES {
        let gpu = find(id)?;
        for split in Split::ALL {
            rows.push(row(id, &gpu, split, &on(&gpu, &config, split)?));
        }
    }
    let varied = find(VARIED)?;
    for gb_s in LINKS {
        let gpu = with_link(&varied, gb_s);
        for split in [Split::Tensors, Split::ExpertsOfFewNodes] {
            rows.push(row(&format!("{VARIED}, link varied"), &gpu, split, &on(&gpu, &config, split)?));
        }
    }
    if let Some(path) = chart {
        write_file(path, drawn(&varied, &config)?.as_bytes())?;
    }
    Ok(Listing::of_words(
        format!(
            "One layer with experts of DeepSeek-V3, forward and backward, {TOKENS} tokens a GPU, {NODE} GPUs a node, {NODES} \
             nodes (modelled tier; roofline, no shader: arithmetic is operations over {:.0} % of the profile's matrix peak, \
             transfers are bytes over its link and network as seen). Tensors: four ring all-reduces over the link. Experts: \
             a token once over the network to each of its nodes, then over the link to each of its experts. Serial: transfers \
             after arithmetic; overlapped: one micro-batch forward beside another backward, as in DualPipe. Transfers take no SMs here.",
            100.0 * REACHED
        ),
        &[
            "machine",
            "link_gb_s_both_ways",
            "network_gb_s",
            "split",
            "arithmetic_ms",
            "transfer_ms",
            "serial_ms",
            "overlapped_ms",
            "transfers_hidden_pct",
        ],
        rows,
    ))
}

fn on(gpu: &GpuProfile, config: &Config, split: Split) -> Result<Layer, Failure> {
    let layer = layer(gpu, config, split).ok_or_else(|| Failure::input("a model without experts"))?;
    layer.map_err(Failure::input)
}

fn with_link(gpu: &GpuProfile, gb_s: f64) -> GpuProfile {
    let mut gpu = gpu.clone();
    if let Some(link) = &mut gpu.link {
        link.both_ways_gb_s.value = gb_s;
    }
    gpu
}

fn row(machine: &str, gpu: &GpuProfile, split: Split, layer: &Layer) -> Vec<String> {
    vec![
        machine.into(),
        gpu.link.as_ref().map_or(String::new(), |l| l.both_ways_gb_s.value.to_string()),
        gpu.network.as_ref().map_or(String::new(), |n| n.one_way_gb_s.value.to_string()),
        split.name().into(),
        format!("{:.2}", layer.arithmetic_ms),
        format!("{:.2}", layer.transfer_ms),
        format!("{:.2}", layer.serial_ms()),
        format!("{:.2}", layer.overlapped_ms),
        format!("{:.0}", 100.0 * layer.hidden()),
    ]
}

fn drawn(gpu: &GpuProfile, config: &Config) -> Result<String, Failure> {
    let mut series = Vec::new();
    for (split, name) in [(Split::Tensors, "tensors"), (Split::ExpertsOfFewNodes, "experts")] {
        let layers = LINKS.iter().map(|gb_s| Ok((*gb_s, on(&with_link(gpu, *gb_s), config, split)?)));
        let layers = layers.collect::<Result<Vec<(f64, Layer)>, Failure>>()?;
        let curve = |of: fn(&Layer) -> f64| layers.iter().map(|(x, layer)| (*x, of(layer))).collect();
        series.push((format!("{name}, serial"), curve(Layer::serial_ms)));
        series.push((format!("{name}, overlapped"), curve(|layer| layer.overlapped_ms)));
    }
    let title = finding(gpu, config)?;
    let picture = curve::picture(&Curves {
        title: &title,
        under: "modelled (roofline) · a layer of DeepSeek-V3, forward and backward, 4096 tokens a GPU",
        x: "link both ways, GB/s (H800: 400, H100: 900)",
        y: "ms, log scale",
        axes: (Axis::Linear, Axis::Log),
        series: &series,
        marks: &[],
    });
    Ok(picture.map_err(Failure::input)?.file())
}

/// What the cut of the link from 900 to the machine's own costs either split, overlapped.
fn finding(gpu: &GpuProfile, config: &Config) -> Result<String, Failure> {
    let cost = |split| -> Result<f64, Failure> {
        let uncut = on(&with_link(gpu, 900.0), config, split)?.overlapped_ms;
        Ok(100.0 * (on(gpu, config, split)?.overlapped_ms / uncut - 1.0))
    };
    let (tensors, experts) = (cost(Split::Tensors)?, cost(Split::ExpertsOfFewNodes)?);
    Ok(format!("The H800's narrower link costs split tensors {tensors:.0} %, split experts {experts:.0} %"))
}
