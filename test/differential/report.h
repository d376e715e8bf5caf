// A campaign's result as text and as JSON.
#pragma once

#include "campaign.h"

#include <string>

namespace beeline::differential {

std::string text_report(const CampaignOptions& options, const CampaignResult& result, bool coverage);
std::string json_report(const CampaignOptions& options, const CampaignResult& result);

} // namespace beeline::differential
